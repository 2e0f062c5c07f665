"""Distance correlation between a batch's inputs and its activations, as a term of the loss.

Vepakomma, Singh, Gupta, Raskar 2020, "NoPeek: Information leakage reduction to share activations
in distributed deep learning", with a weight of 1 for the task's own loss. Distance
correlation: Székely, Rizzo, Bakirov 2007, "Measuring and testing dependence by correlation of
distances", definitions 4 and 5.
"""

from collections.abc import Sequence
from typing import Any

# Of squared lengths in units of the batch's mean: float32 cannot tell smaller ones from nothing.
_LEAST = 1e-6
_LEAST_VARIANCE = 1e-12


def weigh_leakage(
    loss: Any, weight: float, inputs: Sequence[Any], activations: Sequence[Any]
) -> Any:
    """Add the weighted distance correlation to a loss, within a graph.

    :param weight: 0 gives the very tensor back
    """
    if not weight:
        return loss
    return loss + weight * distance_correlation(as_rows(inputs), as_rows(activations))


def as_rows(tensors: Sequence[Any]) -> Any:
    """Lay all that belongs to a sample side by side, as float32."""
    import tensorflow as tf

    flat = [tf.cast(tf.reshape(each, (tf.shape(each)[0], -1)), tf.float32) for each in tensors]
    return flat[0] if len(flat) == 1 else tf.concat(flat, axis=1)


def distance_correlation(left: Any, right: Any) -> Any:
    """Compute it for two float32 matrices with one row per sample, differentiable everywhere.

    :returns: a scalar from 0 to 1; 0 where one side has the same row throughout, or only one row
    """
    import tensorflow as tf

    first, second = _centred_distances(left), _centred_distances(right)
    covariance = tf.reduce_mean(first * second)
    variances = tf.reduce_mean(first**2) * tf.reduce_mean(second**2)
    spread = _root(variances, _LEAST_VARIANCE)
    squared = tf.math.divide_no_nan(covariance, spread)
    return tf.minimum(_root(squared, _LEAST), 1.0)


def _centred_distances(rows: Any) -> Any:
    """Give Euclidean distances between rows, less the means of row and column, plus that of all."""
    import tensorflow as tf

    centred = rows - tf.reduce_mean(rows, axis=0)
    # Distance correlation has no unit; at length 1 a bound on rounding fits every batch.
    mean_square = tf.reduce_mean(tf.reduce_sum(centred**2, axis=1))
    centred *= tf.stop_gradient(tf.math.divide_no_nan(1.0, tf.sqrt(mean_square)))
    squares = tf.reduce_sum(centred**2, axis=1)
    apart = squares[:, tf.newaxis] + squares - 2 * tf.matmul(centred, centred, transpose_b=True)
    apart = tf.linalg.set_diag(apart, tf.zeros_like(squares))
    distances = _root(apart, _LEAST)
    across = tf.reduce_mean(distances, axis=0)
    return distances - across - across[:, tf.newaxis] + tf.reduce_mean(across)


def _root(tensor: Any, least: float) -> Any:
    """Take the square root, which has no slope at 0: below the least it is 0, without gradient."""
    import tensorflow as tf

    known = tensor > least
    return tf.where(known, tf.sqrt(tf.where(known, tensor, 1.0)), 0.0)
