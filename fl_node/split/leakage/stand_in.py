"""A small model in the place of the provider's part, which the data owner never sees."""

from collections.abc import Sequence
from math import prod
from typing import Any

from fl_node.split.leakage.decoder import alone

Shape = tuple[int, ...]
_WIDTH = 64
_DROPPED = 0.5
_ROUGH_DEPTH = 2


def head(crossing: Sequence[Shape], classes: int, *, rough: bool, seed: int) -> Any:
    """Build what tells classes apart from what crosses; gives logits.

    :param rough: with more layers that mix samples or drop features, as deep parts have; they
        hide the classes in the gradients
    """
    import keras

    inputs, hidden = _begun(crossing, seed)
    for depth in range(_ROUGH_DEPTH if rough else 0):
        dropped = keras.layers.Dropout(_DROPPED, seed=seed + depth)(hidden)
        mixed = keras.layers.BatchNormalization()(_dense(_WIDTH, seed + 2 + depth)(dropped))
        hidden = keras.layers.ReLU()(mixed)
    last = keras.layers.Dropout(_DROPPED, seed=seed + _ROUGH_DEPTH)(hidden)
    return keras.Model(alone(inputs), _dense(classes, seed + 1)(last))


def middle(crossing: Sequence[Shape], features: Sequence[Shape], *, seed: int) -> Any:
    """Build what leads from what crosses to the tail's features."""
    import keras

    inputs, hidden = _begun(crossing, seed)
    outputs = [
        keras.layers.Reshape(shape)(_dense(prod(shape), seed + 1 + i)(hidden))
        for i, shape in enumerate(features)
    ]
    return keras.Model(alone(inputs), outputs)


def _begun(crossing: Sequence[Shape], seed: int) -> tuple[list[Any], Any]:
    import keras

    inputs = [keras.Input(shape) for shape in crossing]
    flat = [keras.layers.Flatten()(each) for each in inputs]
    joined = flat[0] if len(flat) == 1 else keras.layers.Concatenate()(flat)
    return inputs, keras.layers.ReLU()(_dense(_WIDTH, seed)(joined))


def _dense(width: int, seed: int) -> Any:
    import keras

    start = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(width, kernel_initializer=start)
