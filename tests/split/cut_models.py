"""Models to cut, small but with everything that a cut must carry over."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import Input, Model, Sequential, layers, regularizers

from fl_node.training.dataset import Dataset
from fl_node.training.draft import Draft, draft_plan
from fl_node.training.models import paper_cnn

BATCH = 8
SAMPLES = 100 * BATCH + 3  # a hundred whole batches, and a rest


def noisy() -> Any:
    """BatchNormalization and dropout on each side of most cuts."""
    return Sequential(
        [
            Input((8, 8, 1)),
            layers.RandomTranslation(0.1, 0.1, name="moved"),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Dropout(0.3, name="drop_low"),
            layers.Flatten(name="flat"),
            layers.Dense(12, activation="relu", name="wide"),
            layers.BatchNormalization(name="norm_wide"),
            layers.Dropout(0.3, name="drop_high"),
            layers.Dense(8, activation="tanh", name="narrow"),
            layers.Dropout(0.1, name="drop_last"),
            layers.Dense(3, activation="softmax", name="class"),
        ]
    )


def branching() -> Any:
    """Two inputs; two tensors cross after "right", one of them a skip connection."""
    image, numbers = Input((6, 6, 2), name="image"), Input((5,), name="numbers")
    left = layers.Conv2D(4, 3, padding="same", activation="relu", name="left")(image)
    pooled = layers.GlobalAveragePooling2D(name="pooled")(layers.Dropout(0.2, name="drop")(left))
    right = layers.Dense(4, activation="relu", name="right")(numbers)
    inner = Sequential(
        [Input((4,)), layers.Dense(6, activation="relu"), layers.Dropout(0.2)], name="inner"
    )
    mixed = inner(pooled) * 2.0
    joined = layers.Concatenate(name="joined")([mixed, right])
    hidden = layers.Dense(4, activation="relu", name="hidden")(joined)
    skipped = layers.Add(name="skipped")([hidden, right])
    return Model([numbers, image], layers.Dense(3, activation="softmax", name="class")(skipped))


def decayed() -> Any:
    """Penalties on weights in every part."""
    decay = regularizers.L2(0.01)
    return Sequential(
        [
            Input((6,)),
            layers.Dense(8, activation="relu", kernel_regularizer=decay, name="first"),
            layers.Dense(8, activation="relu", kernel_regularizer=decay, name="second"),
            layers.Dense(8, activation="relu", bias_regularizer=decay, name="third"),
            layers.Dense(3, activation="softmax", kernel_regularizer=decay, name="class"),
        ]
    )


MODELS: dict[str, Callable[[], Any]] = {
    each.__name__: each for each in (noisy, branching, decayed, paper_cnn)
}


def draft_of(which: str, **keys: Any) -> Draft:
    """Draft a plan for one of these models."""
    values = {
        "name": which,
        "model": "cnn" if which == "paper_cnn" else f"{__name__}:{which}",
        "data": f"{__name__}:no_data",
        "loss": "sparse_categorical_crossentropy",
        "optimizer": {"name": "Adam", "learning_rate": 0.003},
        "batch_size": BATCH,
        "nodes": 1,
    }
    threads = keys.pop("threads", None)
    return draft_plan(values | keys, threads=threads)


def data_for(model: Any, samples: int = SAMPLES) -> Dataset:
    """Make samples of which something can be learned, the same each time."""
    chance = np.random.default_rng(7)
    labels = chance.integers(0, model.outputs[0].shape[-1], samples)
    inputs = []
    for tensor in model.inputs:
        shape = tuple(tensor.shape[1:])
        centres = chance.normal(0, 1, (10, *shape))
        noise = chance.normal(0, 1, (samples, *shape))
        inputs.append((centres[labels] + noise).astype(np.float32))
    return Dataset(tuple(inputs), labels)


def no_data() -> None:
    """Stand for data that these tests never load."""
