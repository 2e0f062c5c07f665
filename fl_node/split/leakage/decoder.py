"""A small network that leads back from activations to inputs."""

from collections.abc import Sequence
from math import prod
from typing import Any

Shape = tuple[int, ...]
_IMAGE_SIDES = 3
_WIDTH = 256
_MOST_DOUBLINGS = 3
_CHANNELS = (64, 32, 16, 16)


def decoder(crossing: Sequence[Shape], target: Shape, *, seed: int) -> Any:
    """Build it by shapes: transposed convolutions for images, dense layers otherwise.

    :param target: shape of one sample of an input; three sides are an image's
    """
    import keras

    inputs = [keras.Input(shape, name=f"decoder_cut_{i}") for i, shape in enumerate(crossing)]
    if len(target) != _IMAGE_SIDES:
        hidden = _dense(_flat(inputs), _WIDTH, seed)
        return keras.Model(
            alone(inputs), _shaped(_dense(hidden, prod(target), seed + 1, None), target)
        )
    doublings = _doublings(crossing, target)
    start = tuple(-(-side // 2**doublings) for side in target[:2])
    grid = _padded(inputs[0], start) if _is_image(crossing) else _grown(inputs, start, seed + 2)
    return keras.Model(alone(inputs), _drawn(grid, target, doublings, seed))


def alone(inputs: Sequence[Any]) -> Any:
    """Give one tensor by itself, several as a list: as Keras wants to see them again."""
    return inputs[0] if len(inputs) == 1 else list(inputs)


def _is_image(crossing: Sequence[Shape]) -> bool:
    return len(crossing) == 1 and len(crossing[0]) == _IMAGE_SIDES


def _doublings(crossing: Sequence[Shape], target: Shape) -> int:
    """Say how often a grid of activations is doubled until it covers the image."""
    if not _is_image(crossing):
        return 2 if min(target[:2]) >= 2 * _IMAGE_SIDES else 0
    sides = list(zip(crossing[0][:2], target[:2], strict=True))
    fitting = [
        n for n in range(_MOST_DOUBLINGS + 1) if all(s << n <= t + (1 << n) for s, t in sides)
    ]
    return max(fitting, default=0)


def _padded(tensor: Any, start: Shape) -> Any:
    """Give a grid of activations the sides it must have: what was cut off at the rim is 0."""
    import keras

    missing = [wanted - side for wanted, side in zip(start, tensor.shape[1:3], strict=True)]
    more = [(max(each, 0) // 2, max(each, 0) - max(each, 0) // 2) for each in missing]
    less = [(max(-each, 0) // 2, max(-each, 0) - max(-each, 0) // 2) for each in missing]
    padded = keras.layers.ZeroPadding2D(tuple(more))(tensor)
    return keras.layers.Cropping2D(tuple(less))(padded)


def _grown(inputs: Sequence[Any], start: Shape, seed: int) -> Any:
    shape = (*start, _CHANNELS[0])
    return _shaped(_dense(_flat(inputs), prod(shape), seed), shape)


def _drawn(grid: Any, target: Shape, doublings: int, seed: int) -> Any:
    import keras

    hidden = _conv(keras.layers.Conv2D, grid, _CHANNELS[0], seed + 3)
    for number in range(doublings):
        channels = _CHANNELS[number + 1]
        hidden = _conv(keras.layers.Conv2DTranspose, hidden, channels, seed + 4 + number, strides=2)
    over = [side - wanted for side, wanted in zip(hidden.shape[1:3], target[:2], strict=True)]
    cropped = keras.layers.Cropping2D(tuple((n // 2, n - n // 2) for n in over))(hidden)
    last = seed + 4 + _MOST_DOUBLINGS
    return _conv(keras.layers.Conv2D, cropped, target[2], last, activation=None)


def _conv(kind: Any, tensor: Any, channels: int, seed: int, **settings: Any) -> Any:
    import keras

    start = keras.initializers.GlorotUniform(seed=seed)
    chosen = {"padding": "same", "activation": "relu", "kernel_initializer": start} | settings
    return kind(channels, 3, **chosen)(tensor)


def _flat(inputs: Sequence[Any]) -> Any:
    import keras

    rows = [keras.layers.Flatten()(each) for each in inputs]
    return rows[0] if len(rows) == 1 else keras.layers.Concatenate()(rows)


def _dense(tensor: Any, width: int, seed: int, activation: str | None = "relu") -> Any:
    import keras

    start = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(width, activation=activation, kernel_initializer=start)(tensor)


def _shaped(tensor: Any, shape: Shape) -> Any:
    import keras

    return keras.layers.Reshape(shape)(tensor)
