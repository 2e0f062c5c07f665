"""A store that is a Kubo daemon, with the files it needs beside it."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from fl_node.cid import Cid
from fl_node.errors import (
    DigestMismatchError,
    FlnodeError,
    StoreUnreachableError,
    TooLargeError,
    UnavailableError,
)
from fl_node.store.circle import Circle
from fl_node.store.directory import DirectoryStore
from fl_node.store.kubo import Kubo, KuboState, LateError
from fl_node.store.kubo_api import PAUSES_SECONDS, KuboApi
from fl_node.store.store import Pieces, Store

_LAST_QUESTION_SECONDS = 2.0


class IpfsStore(Store):
    """A node's own Kubo daemon; what was put and fetched lies in a folder too, for reading.

    Every call raises `StoreUnreachableError` when the daemon is away for longer than a restart.
    """

    def __init__(
        self, api: str, cache: Path, *, pauses_seconds: Sequence[float] = PAUSES_SECONDS
    ) -> None:
        """Prepare; nothing is asked or written yet.

        :param api: multiaddress of the daemon's API, such as ``/ip4/127.0.0.1/tcp/5001``
        :param cache: a folder, which processes may share, and which may be deleted
        :param pauses_seconds: between attempts to reach the daemon
        :raises StoreError: when the address is none of a host and a port
        """
        self.api = api
        self._kubo = Kubo(KuboApi(api, pauses_seconds))
        self._cache = DirectoryStore(cache)

    def put(self, pieces: Pieces) -> Cid:
        """Write a file, hand it to the daemon, and see that both give it the same name.

        :raises DigestMismatchError: when the daemon calls it something else
        """
        with self._cache.staged(pieces) as staged:
            self._kubo.add(staged.path, staged.cid)
            staged.keep()
        return staged.cid

    def fetch(self, cid: Cid, *, max_bytes: int, timeout_seconds: float) -> Path:
        """Give the file from the folder, or have the daemon look for it.

        :raises UnavailableError: when it is not there in time, or no file
        :raises StoreUnreachableError: when none of the daemon's peers could be asked
        :raises TooLargeError: at the first byte too many
        :raises DigestMismatchError: when the daemon gives other bytes
        """
        if self._cache.holds(cid):
            try:
                return self._cache.fetch(cid, max_bytes=max_bytes, timeout_seconds=timeout_seconds)
            except DigestMismatchError:
                self._cache.drop(cid)  # damaged here; the daemon has it
        return self._download(cid, max_bytes, time.monotonic(), timeout_seconds)

    def holds(self, cid: Cid) -> bool:
        """Tell whether the daemon has them pinned; what it pins is whole."""
        return self._kubo.has_pinned(cid)

    def drop(self, cid: Cid) -> None:
        """Unpin the bytes; the daemon's next garbage collection removes them."""
        self._kubo.unpin(cid)
        self._cache.drop(cid)

    def state(self) -> KuboState:
        """Ask the daemon for its id, version, size and peers."""
        return self._kubo.state()

    def _download(self, cid: Cid, max_bytes: int, started: float, timeout_seconds: float) -> Path:
        deadline = started + timeout_seconds
        circle = Circle(self._kubo)
        pieces = self._kubo.cat(cid, max_bytes=max_bytes + 1, deadline=deadline)
        try:
            with (
                circle.kept_connected(deadline),
                self._cache.staged(_limited(cid, pieces, max_bytes)) as staged,
            ):
                self._check(cid, staged.cid)
                self._kubo.pin(cid, staged.path.stat().st_size)
                return staged.keep()
        except LateError as error:
            raise self._not_found(cid, time.monotonic() - started, circle.away) from error

    def _check(self, asked: Cid, found: Cid) -> None:
        if found != asked:
            raise DigestMismatchError(
                f"{self.api} was asked for {asked} and gives bytes whose CID is {found}: "
                "they were stored in another layout, or the daemon is not to be trusted"
            )

    def _not_found(self, cid: Cid, waited_seconds: float, away: int) -> FlnodeError:
        """Tell bytes that are nowhere from a daemon that is cut off, or hangs."""
        connected = len(self._kubo.peers(_LAST_QUESTION_SECONDS))
        kind = StoreUnreachableError if away and not connected else UnavailableError
        return kind(
            f"{cid} did not come in {waited_seconds:.1f} s; {self.api} has {connected} peers "
            f"connected and {away} away: see that a node that holds it runs"
        )


def _limited(cid: Cid, pieces: Iterator[bytes], max_bytes: int) -> Generator[bytes, None, None]:
    size = 0
    with closing(pieces):  # type: ignore[type-var]
        for piece in pieces:
            size += len(piece)
            if size > max_bytes:
                raise TooLargeError(f"{cid} has more than the {max_bytes} bytes asked for")
            yield piece
