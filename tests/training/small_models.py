"""Models small enough to train in a test, and data that they can learn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from fl_node.training.dataset import Dataset
from fl_node.training.draft import Draft, draft_plan

SAMPLES = 288  # nine batches: no graph for a rest must be made


def dense() -> Any:
    """Two numbers in, three classes out."""
    return keras.Sequential(
        [keras.Input((2,)), layers.Dense(8, activation="tanh"), layers.Dense(3, "softmax")]
    )


def two_inputs() -> Any:
    """Numbers through BatchNormalization and Dropout, tokens through an Embedding."""
    numbers = keras.Input((4,), name="numbers")
    tokens = keras.Input((5,), dtype="int32", name="tokens")
    left = layers.BatchNormalization()(layers.Dense(8)(numbers))
    right = layers.GlobalAveragePooling1D()(layers.Embedding(20, 6)(tokens))
    joined = layers.Dropout(0.2)(layers.Concatenate()([layers.ReLU()(left), right]))
    return keras.Model([tokens, numbers], layers.Dense(3, activation="softmax")(joined))


def named_inputs() -> Any:
    """Inputs by name, an operation instead of a layer, and a model inside the model."""
    inputs = {name: keras.Input((4,), name=name) for name in ("zebra", "ant")}
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(6, activation="relu")], name="inner")
    joined = inner(inputs["zebra"]) * 2.0 + inner(inputs["ant"])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(joined))


def recurrent() -> Any:
    """Tokens through a bidirectional LSTM with dropout of its own."""
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    read = layers.Bidirectional(layers.LSTM(4, dropout=0.1))(layers.Embedding(20, 6)(tokens))
    return keras.Model(tokens, layers.Dense(3, activation="softmax")(read))


def attention() -> Any:
    """Tokens that look at each other."""
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    embedded = layers.Embedding(20, 8)(tokens)
    seen = layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(embedded, embedded))
    pooled = layers.GlobalAveragePooling1D()(seen)
    return keras.Model(tokens, layers.Dense(3, activation="softmax")(pooled))


def convolution() -> Any:
    """Images that are augmented on the way."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.RandomTranslation(0.1, 0.1),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


SMALL_MODELS: dict[str, Callable[[], Any]] = {
    each.__name__: each
    for each in (dense, two_inputs, named_inputs, recurrent, attention, convolution)
}


def draft_of(which: str, folder: Path | None = None, **keys: Any) -> Draft:
    """Draft a plan for one of these models."""
    values = {
        "name": which,
        "model": f"{__name__}:{which}",
        "data": f"{__name__}:no_data",
        "loss": "sparse_categorical_crossentropy",
        "optimizer": {"name": "Adam", "learning_rate": 0.02},
        "batch_size": 32,
        "epochs": 3,
        "nodes": 1,
    }
    return draft_plan(values | keys, folder=folder)


def data_for(draft: Draft, samples: int = SAMPLES) -> Dataset:
    """Make samples of three classes for any of these models, the same each time."""
    from fl_node.training.models import build_model

    chance = np.random.default_rng(7)
    labels = chance.integers(0, 3, samples)
    inputs = [_input(tensor, labels, chance) for tensor in build_model(draft.plan).inputs]
    return Dataset(tuple(inputs), labels)


def _input(tensor: Any, labels: Any, chance: np.random.Generator) -> Any:
    shape = (len(labels), *tensor.shape[1:])
    if tensor.dtype == "int32":
        low = 6 * labels.reshape(-1, *[1] * (len(shape) - 1))
        return (low + chance.integers(0, 8, shape)).astype(np.int64)
    centres = chance.normal(0, 4, (3, *shape[1:]))
    return (centres[labels] + chance.normal(0, 1, shape)).astype(np.float32)


def no_data() -> None:
    """Stand for data that these tests never load."""
