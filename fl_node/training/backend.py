"""TensorFlow, started once: quiet, with a known number of threads."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fl_node.cores import available_cores
from fl_node.errors import SettingsError


def start_backend(threads: int | None = None) -> Any:
    """Start TensorFlow behind Keras, and give the module ``tensorflow``.

    The number of threads is part of what the bits of a training depend on.

    :param threads: None keeps what was set before, or takes every core this process may use
    :raises SettingsError: when TensorFlow runs already with other settings
    """
    with quiet_start():
        import tensorflow as tf

    try:
        _set_threads(tf, threads or tf.config.threading.get_intra_op_parallelism_threads())
    except RuntimeError as error:
        if threads:
            raise SettingsError(
                f"{threads} threads were asked for, TensorFlow runs already with "
                f"{tf.config.threading.get_intra_op_parallelism_threads() or 'as many as it likes'}"
                ": set them before anything else uses TensorFlow, or leave them out"
            ) from error
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


def _set_threads(tf: Any, threads: int) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(threads or available_cores())
    tf.config.threading.set_inter_op_parallelism_threads(threads or available_cores())


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
