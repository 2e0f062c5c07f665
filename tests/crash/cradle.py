"""Processes that begin with their imports done: one that has them forks all others.

A role that is started again so is at work after a tenth of a second instead of three, and what is
killed at random is work, not imports. Nothing else is shared: no file, no connection, no thread.
"""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["__main__", "tests.crash.role", "tests.crash.deployer"])


class Forked:
    """Such a process, as :class:`subprocess.Popen` would show it."""

    def __init__(self, name: str, process: ForkServerProcess) -> None:
        self._name, self._process = name, process
        self.pid = process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._name, timeout or 0)
        return code

    def kill(self) -> None:
        self._process.kill()


def fork(name: str, log: Path, act: Callable[..., None], *arguments: object) -> Forked:
    """Begin an act in a process of its own that prints to a file.

    :param act: a module's function; it and its arguments are sent as pickles
    """
    log.touch()
    process = _CONTEXT.Process(target=_run, args=(log, act, arguments), name=name)
    process.start()
    return Forked(name, process)


def _run(log: Path, act: Callable[..., None], arguments: tuple[object, ...]) -> None:
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(handle, sys.stdout.fileno())
    os.dup2(handle, sys.stderr.fileno())
    os.close(handle)
    act(*arguments)
