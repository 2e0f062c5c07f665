"""What the daemons of a network's folder have written."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fl_node.errors import NetworkError

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Log:
    """A daemon's log.

    :ivar name: such as ``node-1-geth``
    """

    name: str
    path: Path


def logs_of(folder: Path, hosts: Sequence[str], wanted: str | None) -> list[Log]:
    """Find the logs of hosts, each in a folder of its own or in this one.

    :param wanted: a host's or a daemon's name; all if None
    :raises NetworkError: when there is no log of that name
    """
    found = [
        Log(f"{host}-{daemon}", _place(folder, host) / "logs" / f"{daemon}.log")
        for host in hosts
        for daemon in ("geth", "ipfs")
    ]
    chosen = [log for log in found if wanted is None or wanted in (log.name, log.name[:-5])]
    if not chosen:
        raise NetworkError(
            f"no log of {wanted!r}; there are: {', '.join(log.name for log in found)}"
        )
    return chosen


def last_lines(log: Log, count: int) -> list[str]:
    """Give the last lines of a log; none when it has not been written yet."""
    try:
        with log.path.open(errors="replace") as stream:
            return [line.rstrip("\n") for line in deque(stream, maxlen=count)]
    except FileNotFoundError:
        return []


def follow(logs: Sequence[Log]) -> Iterator[tuple[Log, str]]:
    """Give every line that is written from now on, for ever; a log that starts anew is followed."""
    ends = {log: _size(log) for log in logs}
    while True:
        for log in logs:
            size = _size(log)
            if size < ends[log]:
                ends[log] = 0
            if size > ends[log]:
                text, ends[log] = _read_lines(log, ends[log])
                yield from ((log, line) for line in text)
        time.sleep(_POLL_SECONDS)


def _read_lines(log: Log, start: int) -> tuple[list[str], int]:
    with log.path.open("rb") as stream:
        stream.seek(start)
        whole = stream.read().rpartition(b"\n")[0]
    if not whole:
        return [], start
    return whole.decode(errors="replace").split("\n"), start + len(whole) + 1


def _size(log: Log) -> int:
    return log.path.stat().st_size if log.path.exists() else 0


def _place(folder: Path, host: str) -> Path:
    return folder / host if (folder / host).is_dir() else folder
