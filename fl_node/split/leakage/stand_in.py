"""A small model in the place of the provider's part, which the data owner never sees."""

from collections.abc import Sequence
from math import prod
from typing import Any

Shape = tuple[int, ...]
_WIDTH = 64
_DROPPED = 0.5


def head(crossing: Sequence[Shape], classes: int, *, seed: int) -> Any:
    """Build what tells classes apart from what crosses; gives logits.

    Dropout spreads the gradients about as far as deeper parts do.
    """
    import keras

    inputs, hidden = _begun(crossing, seed)
    dropped = keras.layers.Dropout(_DROPPED, seed=seed, name="stand_in_drop")(hidden)
    return keras.Model(inputs, _dense(classes, seed + 1, "stand_in_class")(dropped))


def middle(crossing: Sequence[Shape], features: Sequence[Shape], *, seed: int) -> Any:
    """Build what leads from what crosses to the tail's features."""
    import keras

    inputs, hidden = _begun(crossing, seed)
    outputs = [
        keras.layers.Reshape(shape, name=f"stand_in_features_{i}")(
            _dense(prod(shape), seed + 1 + i, f"stand_in_flat_{i}")(hidden)
        )
        for i, shape in enumerate(features)
    ]
    return keras.Model(inputs, outputs)


def _begun(crossing: Sequence[Shape], seed: int) -> tuple[list[Any], Any]:
    import keras

    inputs = [keras.Input(shape, name=f"stand_in_cut_{i}") for i, shape in enumerate(crossing)]
    flat = [keras.layers.Flatten(name=f"stand_in_rows_{i}")(x) for i, x in enumerate(inputs)]
    joined = flat[0] if len(flat) == 1 else keras.layers.Concatenate(name="stand_in_all")(flat)
    hidden = _dense(_WIDTH, seed, "stand_in_hidden")(joined)
    return inputs, keras.layers.ReLU(name="stand_in_relu")(hidden)


def _dense(width: int, seed: int, name: str) -> Any:
    import keras

    start = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(width, kernel_initializer=start, name=name)
