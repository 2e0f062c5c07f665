"""Processes that begin with TensorFlow imported: one that has imported it forks all others.

What is started again so is at work after a second instead of ten. Nothing else is shared: no file,
no connection, no thread that computes.
"""

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parents[3]
_LOOK_SECONDS = 0.02
_FAILED = 70


class Forked:
    """A process of a cradle, as :class:`subprocess.Popen` would show it."""

    def __init__(self, name: str, pid: int) -> None:
        self.name, self.pid = name, pid
        self._ended = threading.Event()
        self._code = 0

    def poll(self) -> int | None:
        return self._code if self._ended.is_set() else None

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(self.name, timeout or 0)
        return self._code

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        if not self._ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def ended(self, code: int) -> None:
        self._code = code
        self._ended.set()


class Cradle:
    """This side of a process that forks others."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=SOURCES,
            text=True,
        )
        self._children: dict[int, Forked] = {}
        self._started = threading.Condition()
        self._newest: Forked | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def fork(self, name: str, log: Path, words: dict[str, Any]) -> Forked:
        """Begin a function in a process of its own that prints to a file.

        :param name: module and function, as ``tests.split.devnet.party:play``
        :param words: its arguments, which are sent as JSON
        """
        request = json.dumps({"name": name, "log": str(log), "words": words})
        assert self._process.stdin is not None
        with self._started:
            self._newest = None
            self._process.stdin.write(f"{request}\n")
            self._process.stdin.flush()
            assert self._started.wait_for(lambda: self._newest is not None, 120), name
            assert self._newest is not None
            return self._newest

    def close(self) -> None:
        """End it; what it forked and still runs is killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._reader.join(30)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if "code" in said:
                self._children[said["pid"]].ended(said["code"])
                continue
            with self._started:
                self._newest = Forked(said["name"], said["pid"])
                self._children[said["pid"]] = self._newest
                self._started.notify_all()


def main() -> None:
    """Fork what each line of standard input asks for, until it ends."""
    from tests.split.devnet import party

    party.warm_up()
    alive: set[int] = set()
    for request in _requests(alive):
        if pid := os.fork():
            alive.add(pid)
            _tell({"name": request["name"], "pid": pid})
        else:
            _be(request)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


def _requests(alive: set[int]) -> Iterator[dict[str, Any]]:
    """Give the lines as they come; meanwhile tell who has ended."""
    rest = b""
    while True:
        if select.select([0], [], [], _LOOK_SECONDS)[0]:
            found = os.read(0, 65536)
            if not found:
                return
            *lines, rest = (rest + found).split(b"\n")
            yield from map(json.loads, lines)
        _reap(alive)


def _reap(alive: set[int]) -> None:
    while alive:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        alive.discard(pid)
        _tell({"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell(words: dict[str, Any]) -> None:
    os.write(1, f"{json.dumps(words)}\n".encode())


def _be(request: dict[str, Any]) -> None:
    """Become what was asked for; never comes back."""
    code = _FAILED
    try:
        _redirect(Path(request["log"]))
        module, _, function = request["name"].partition(":")
        getattr(importlib.import_module(module), function)(**request["words"])
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else _FAILED
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(log: Path) -> None:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((nothing, 0), (handle, 1), (handle, 2)):
        os.dup2(old, new)


if __name__ == "__main__":
    # As the module that others import, so that there is one of everything.
    from tests.split.devnet.cradle import main as begin

    begin()
