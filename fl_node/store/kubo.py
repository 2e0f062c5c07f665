"""What a store asks of a Kubo daemon, as calls with names and types of ours."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fl_node.cid import CHUNK_BYTES, LINKS_PER_NODE, Cid
from fl_node.errors import (
    DigestMismatchError,
    FlnodeError,
    StoreError,
    StoreUnreachableError,
    UnavailableError,
)
from fl_node.store.kubo_api import CALL_SECONDS, KuboApi, PartError, RefusedError, SlowError, shown

_SLOWEST_BYTES_PER_SECOND = 1_000_000  # of a disk
# All that a CID depends on, since a daemon's own import settings may be others.
_LAYOUT = {"hash": "sha2-256", "inline": "false", "max-file-links": str(LINKS_PER_NODE)}
_NOT_PINNED = re.compile(r" is not pinned$|^not pinned or pinned indirectly$")
# What a daemon says of its own machine; all else it says of the bytes that were asked for.
_OWN_FAULT = re.compile(
    r"no space left|quota|input/output error|read-only file system|permission denied"
    r"|too many open files|cannot allocate memory|context canceled|shutting down",
    re.IGNORECASE,
)
_Value = TypeVar("_Value")


class LateError(UnavailableError):
    """Bytes that nobody sent in time."""


@dataclass(frozen=True)
class Peer:
    """Another node of the swarm.

    :ivar addresses: multiaddresses without the id; where it is connected, or where it should be
    """

    id: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class KuboState:
    """What a daemon says of itself.

    :ivar repo_bytes: what it stores, of at most ``max_repo_bytes``
    :ivar peers: those it is connected to
    :ivar peering: those it should stay connected to
    """

    id: str
    version: str
    addresses: tuple[str, ...]
    repo_bytes: int
    max_repo_bytes: int
    peers: tuple[Peer, ...]
    peering: tuple[Peer, ...]


@dataclass(frozen=True)
class Kubo:
    """One daemon.

    Every call raises `StoreUnreachableError` when it is away, and `StoreError` when what answers
    is no Kubo.
    """

    api: KuboApi

    def add(self, path: Path, cid: Cid) -> None:
        """Store a file, pinned.

        :raises DigestMismatchError: when the daemon calls it something else
        """
        layout = {
            "pin": True,
            "cid_version": 0,
            "raw_leaves": False,
            "chunker": f"size-{CHUNK_BYTES}",
            "opts": dict(_LAYOUT),
            "timeout": _disk_seconds(path.stat().st_size),
        }
        answer = self.api.ask(f"to store {cid}", lambda client: client.add(path, **layout))
        named = self._field(answer, "Hash", str)
        if named != str(cid):
            raise DigestMismatchError(
                f"{self.api.address} was given {cid} and calls it {shown(named)}: "
                "see which version and settings it has"
            )

    def cat(self, cid: Cid, *, max_bytes: int, deadline: float) -> Iterator[bytes]:
        """Read a file as it comes, its first ``max_bytes``; goes on where a restart broke it off.

        :param deadline: on the monotonic clock, for all of it
        :raises LateError: when time is up
        :raises UnavailableError: when it is no file, or ends before its end again and again
        """
        received, pauses = 0, iter(self.api.pauses_seconds)
        while True:
            try:
                for piece in self._content(cid, received, max_bytes - received, deadline):
                    received += len(piece)
                    pauses = iter(self.api.pauses_seconds)  # it was there: patience begins anew
                    yield piece
            except SlowError as error:
                raise LateError(f"{cid} did not come in time") from error
            except RefusedError as error:
                raise _unreadable(cid, error) from error
            except (StoreUnreachableError, PartError) as error:
                pause_seconds = next(pauses, None)
                if pause_seconds is None or time.monotonic() + pause_seconds > deadline:
                    raise _given_up(cid, error) from error
                time.sleep(pause_seconds)
            else:
                return

    def _content(self, cid: Cid, start: int, most: int, deadline: float) -> Iterator[bytes]:
        seconds = deadline - time.monotonic()
        return self.api.content(
            f"for {cid}",
            lambda client: client.cat(
                str(cid), offset=start, length=most, stream=True, timeout=seconds
            ),
        )

    def pin(self, cid: Cid, size_bytes: int) -> None:
        """Keep bytes that are here through every garbage collection."""
        seconds = _disk_seconds(size_bytes)
        self.api.ask(f"to pin {cid}", lambda client: client.pin.add(str(cid), timeout=seconds))

    def unpin(self, cid: Cid) -> None:
        """Leave bytes to the garbage collection; unpinned ones are left to it already."""
        try:
            self.api.ask(f"to unpin {cid}", lambda client: client.pin.rm(str(cid)))
        except RefusedError as error:
            if not _NOT_PINNED.search(error.reason):
                raise

    def has_pinned(self, cid: Cid) -> bool:
        """Tell whether the bytes are here whole, and to stay; others are not asked.

        Only what is whole gets pinned; of what is not, any part may be here.
        """
        try:
            answer = self.api.ask(
                f"whether it holds {cid}", lambda client: client.pin.ls(str(cid), type="recursive")
            )
        except RefusedError as error:
            if _NOT_PINNED.search(error.reason):
                return False
            raise
        return str(cid) in self._field(answer, "Keys", dict)

    def peers(self, timeout_seconds: float = CALL_SECONDS) -> tuple[Peer, ...]:
        """List the nodes that it is connected to."""
        answer = self.api.ask(
            "for its peers", lambda client: client.swarm.peers(timeout=timeout_seconds)
        )
        return tuple(
            Peer(self._field(each, "Peer", str), (self._field(each, "Addr", str),))
            for each in self._listed(answer, "Peers")
        )

    def peering(self, timeout_seconds: float = CALL_SECONDS) -> tuple[Peer, ...]:
        """List the nodes that its settings want it to be connected to."""
        answer = self.api.ask(
            "for its settings", lambda client: client.config.get(timeout=timeout_seconds)
        )
        return tuple(
            Peer(self._field(each, "ID", str), tuple(map(str, self._listed(each, "Addrs"))))
            for each in self._listed(self._field(answer, "Peering", dict), "Peers")
        )

    def connect(self, peer: Peer, timeout_seconds: float) -> bool:
        """Try once to connect it to a peer; tell whether it is now."""
        addresses = [f"{address}/p2p/{peer.id}" for address in peer.addresses]
        try:
            self.api.connect(addresses, timeout_seconds)
        except (StoreError, StoreUnreachableError):
            return False
        return True

    def state(self) -> KuboState:
        """Ask for all that tells whether it is ready."""
        own = self.api.ask("for its id", lambda client: client.id())
        name, addresses = self._field(own, "ID", str), self._listed(own, "Addresses")
        version = self.api.ask("for its version", lambda client: client.version())
        repo = self.api.ask("for its size", lambda client: client.repo.stat())
        return KuboState(
            id=name,
            version=self._field(version, "Version", str),
            addresses=tuple(map(str, addresses)),
            repo_bytes=self._field(repo, "RepoSize", int),
            max_repo_bytes=self._field(repo, "StorageMax", int),
            peers=self.peers(),
            peering=self.peering(),
        )

    def _field(self, answer: object, key: str, kind: type[_Value]) -> _Value:
        value = answer.get(key) if isinstance(answer, Mapping) else None
        if not isinstance(value, kind):
            raise self.api.no_kubo(f"for {key}", answer)
        return value

    def _listed(self, answer: object, key: str) -> list[Any]:
        if isinstance(answer, Mapping) and answer.get(key) is None:
            return []  # as Go writes an empty list
        return self._field(answer, key, list)


def _disk_seconds(size_bytes: int) -> float:
    return CALL_SECONDS + size_bytes / _SLOWEST_BYTES_PER_SECOND


def _given_up(cid: Cid, error: StoreUnreachableError | PartError) -> FlnodeError:
    """Tell a daemon that went away from bytes that it cannot read to their end."""
    if isinstance(error, PartError):
        return UnavailableError(f"there is no whole file to read as {cid}: {error}")
    return error


def _unreadable(cid: Cid, error: RefusedError) -> StoreError:
    if _OWN_FAULT.search(error.reason):
        return error
    return UnavailableError(f"there is no file to read as {cid}: {error.reason}")
