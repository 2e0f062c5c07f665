"""How much of the inputs a decoder gets back from the activations, tried by their owner.

He, Zhang, Lee 2019, "Model inversion attacks against collaborative inference": a
decoder that is trained on pairs of inputs and activations. Here its pairs are the owner's own, so
it knows more than a provider that has only data of the same kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import SplitError
from fl_node.split.leakage.decoder import alone, decoder
from fl_node.training.draws import key_of, permutation

Arrays = Sequence[NDArray[Any]]
_BATCH = 64
_RATE = 0.002
_HELD_OUT = 4  # one sample in so many
_LEAST_SAMPLES = 8
_IMAGE_RANK = 4
_SSIM_WINDOW = 11
_LEVELS = ((0.8, "nearly all"), (0.5, "most"), (0.2, "some"), (0.05, "little"))


@dataclass(frozen=True)
class Reconstruction:
    """What came back of one input, on samples that the decoder had not seen.

    :ivar mean_squared_error: in the input's own unit, squared
    :ivar of_constant: the same for the best guess that looks at nothing: the mean sample
    :ivar ssim: structural similarity, up to 1 for the same image; None for what is no image
    :ivar trained: samples that the decoder was trained on
    :ivar tested: samples that it was tested on
    """

    mean_squared_error: float
    of_constant: float
    ssim: float | None
    trained: int
    tested: int
    steps: int

    @property
    def explained(self) -> float:
        """The share of what varies between samples that came back; below 0 is worse than none."""
        if not self.of_constant:
            return 0.0
        return 1 - self.mean_squared_error / self.of_constant

    @property
    def word(self) -> str:
        """Say in a word how much came back."""
        return next((word for least, word in _LEVELS if self.explained >= least), "next to nothing")

    def line(self) -> str:
        """Say it in a line."""
        similar = "" if self.ssim is None else f", structural similarity {self.ssim:.2f} of 1"
        return (
            f"{self.word} of an input can be had back from its activations: a decoder trained "
            f"{self.steps} steps on {self.trained:,} own samples explains {self.explained:.0%} of "
            f"what varies in {self.tested:,} others (mean squared error "
            f"{self.mean_squared_error:.3g}, the best constant guess {self.of_constant:.3g}"
            f"{similar})"
        )


def reconstruct(
    activations: Arrays, inputs: NDArray[Any], *, seed: int, steps: int
) -> Reconstruction:
    """Train a decoder on most of the samples and test it on the rest; the same for a seed.

    :param activations: of each tensor that crosses, float32, one sample a row
    :param inputs: one sample a row
    :raises SplitError: for too few samples, or numbers that are not finite
    """
    samples = len(inputs)
    if samples < _LEAST_SAMPLES:
        raise SplitError(f"a decoder needs {_LEAST_SAMPLES} samples or more, found {samples}")
    if not all(np.isfinite(each).all() for each in (inputs, *activations)):
        raise SplitError("a decoder needs finite inputs and activations, found NaN or infinity")
    order = permutation(samples, key_of("decoder rows", seed))
    held, rest = order[: samples // _HELD_OUT], order[samples // _HELD_OUT :]
    wanted = np.asarray(inputs, np.float32)
    given = [_standard(each, rest) for each in activations]
    centre, scale = wanted[rest].mean(axis=0), _scale(wanted[rest])
    model = decoder([each.shape[1:] for each in given], wanted.shape[1:] or (1,), seed=seed)
    aim = ((wanted - centre) / scale).reshape(samples, *model.outputs[0].shape[1:])
    _fit(model, given, aim, rest, seed=seed, steps=steps)
    found = _given(model, given, held).reshape(wanted[held].shape) * scale + centre
    return Reconstruction(
        float(np.mean((found - wanted[held]) ** 2, dtype=np.float64)),
        float(np.mean((centre - wanted[held]) ** 2, dtype=np.float64)),
        _ssim(found, wanted[held]),
        len(rest),
        len(held),
        steps,
    )


def _standard(array: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """Give activations mean 0 and spread 1, by what the decoder is trained on."""
    return np.asarray((array - array[rows].mean()) / _scale(array[rows]), np.float32)


def _scale(array: NDArray[Any]) -> np.float32:
    return np.float32(array.std(dtype=np.float64)) or np.float32(1)


def _fit(
    model: Any, given: Arrays, aim: NDArray[Any], rows: NDArray[np.int64], *, seed: int, steps: int
) -> None:
    import keras
    import tensorflow as tf

    optimizer = keras.optimizers.Adam(_RATE)
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def train(inputs: list[Any], wanted: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(alone(inputs), training=True) - wanted) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)

    batch = min(_BATCH, len(rows))
    each_pass = len(rows) // batch
    for step in range(steps):
        order = permutation(len(rows), key_of("decoder", seed, step // each_pass))
        place = step % each_pass * batch
        chosen = rows[order[place : place + batch]]
        train([each[chosen] for each in given], aim[chosen])


def _given(model: Any, given: Arrays, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    parts = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
    found = [model(alone([each[part] for each in given]), training=False) for part in parts]
    return np.concatenate([each.numpy() for each in found])


def _ssim(found: NDArray[Any], wanted: NDArray[Any]) -> float | None:
    """Compare images; Wang, Bovik, Sheikh, Simoncelli 2004."""
    import tensorflow as tf

    low, high = float(wanted.min()), float(wanted.max())
    if wanted.ndim != _IMAGE_RANK or high == low:
        return None
    window = min(_SSIM_WINDOW, *wanted.shape[1:3])
    shown = np.clip(found, low, high)
    values = tf.image.ssim(shown - low, wanted - low, high - low, filter_size=window)
    return float(tf.reduce_mean(values))
