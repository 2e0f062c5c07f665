"""TensorFlow, started once: quiet, with a known number of threads."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fl_node.cores import available_cores
from fl_node.errors import SettingsError


def start_backend(threads: int | None = None, at_once: int = 1) -> Any:
    """Start TensorFlow behind Keras, and give the module ``tensorflow``.

    The number of threads is part of what the bits of a training depend on.

    :param threads: None keeps what was set before, or takes every core this process may use
    :param at_once: graphs that wait for something at the same time; each holds a thread meanwhile,
        beside those that compute, which bits do not depend on
    :raises SettingsError: when TensorFlow runs already with other settings
    """
    with quiet_start():
        import tensorflow as tf

    try:
        _set_threads(tf, threads or tf.config.threading.get_intra_op_parallelism_threads(), at_once)
    except RuntimeError as error:
        if threads:
            raise SettingsError(
                f"{threads} threads were asked for, TensorFlow runs already with "
                f"{tf.config.threading.get_intra_op_parallelism_threads() or 'as many as it likes'}"
                ": set them before anything else uses TensorFlow, or leave them out"
            ) from error
    _require_room(tf, at_once)
    return tf


@contextmanager
def quiet_start() -> Iterator[None]:
    """Keep what TensorFlow's libraries write while they are loaded; show it if that fails.

    They write to file descriptor 2 before any setting of theirs can keep them from it. A user's own
    code may be the first that loads them.

    :raises SettingsError: when Keras runs already on another backend
    """
    _choose_backend()
    if "tensorflow" in sys.modules:
        yield
        return
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(shown, kept.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)


def _set_threads(tf: Any, threads: int, at_once: int) -> None:
    """Set threads within an operation, as many for operations, and more for those that wait."""
    count = threads or available_cores()
    config = tf.config.threading
    room = config.get_inter_op_parallelism_threads() - config.get_intra_op_parallelism_threads()
    config.set_intra_op_parallelism_threads(count)
    config.set_inter_op_parallelism_threads(count + max(room, at_once if at_once > 1 else 0))


def _require_room(tf: Any, at_once: int) -> None:
    found = tf.config.threading.get_inter_op_parallelism_threads() or available_cores()
    if at_once > 1 and found <= at_once:
        raise SettingsError(
            f"{at_once} batches in flight need {at_once + 1} threads for operations, TensorFlow "
            f"runs already with {found}: let nothing else use TensorFlow before"
        )


def _choose_backend() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    loaded = sys.modules.get("keras")
    if loaded is None:
        os.environ["KERAS_BACKEND"] = "tensorflow"
        return
    if loaded.backend.backend() != "tensorflow":
        raise SettingsError(
            f"Keras runs already on {loaded.backend.backend()}, flnode needs TensorFlow: "
            "import nothing that starts Keras before"
        )
