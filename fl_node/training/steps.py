"""Training and evaluation as graphs over tensors in memory.

A chunk of steps is one call, so that Python costs nothing per step, while progress and Ctrl-C
wait for no more than a chunk. How long chunks are never changes a bit.
"""

from typing import Any

from fl_node.training.feed import Feed

EVALUATION_BATCH = 500


class Steps:
    """The graphs of one compiled model, each traced once however many samples come."""

    def __init__(self, model: Any, feed: Feed, batch_size: int) -> None:
        import tensorflow as tf

        self._model = model
        samples = [
            tf.TensorSpec((None, *shape), dtype)
            for shape, dtype in zip(feed.shapes, feed.dtypes, strict=True)
        ]
        targets = tf.TensorSpec((None, *feed.target_shape), feed.target_dtype)
        order = tf.TensorSpec((None,), tf.int32)
        bound = tf.TensorSpec((), tf.int32)
        whole = (samples, targets, order, bound, bound)
        self.train_batches = _graph(self._training(batch_size), whole)
        self.train_rest = _graph(self._train_rows, (samples, targets, order))
        self.evaluate = _graph(self._evaluate, (samples, targets))

    def _training(self, batch_size: int) -> Any:
        import tensorflow as tf

        def train_batches(x: list[Any], y: Any, order: Any, first: Any, last: Any) -> Any:
            def step(i: Any) -> Any:
                self._train_rows(x, y, order[i * batch_size : (i + 1) * batch_size])
                return i + 1

            return tf.while_loop(lambda i: i < last, step, [first], parallel_iterations=1)

        return train_batches

    def _train_rows(self, x: list[Any], y: Any, rows: Any) -> None:
        import tensorflow as tf

        chosen = [tf.gather(each, rows) for each in x]
        self._model.train_step((self._packed(chosen), tf.gather(y, rows)))

    def _evaluate(self, x: list[Any], y: Any) -> None:
        self._model.test_step((self._packed(x), y))

    def _packed(self, x: list[Any]) -> Any:
        """Give inputs in the structure that the model was built with."""
        import keras

        if isinstance(self._model, keras.Sequential):
            return x[0]
        return keras.tree.pack_sequence_as(self._model.input, x)


def _graph(function: Any, signature: tuple[Any, ...]) -> Any:
    import tensorflow as tf

    return tf.function(function, input_signature=signature, autograph=False)
