"""The peers that a daemon should have, kept connected while it fetches.

A daemon looks after them itself, but only after 5 s and ever less often.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

from fl_node.errors import StoreError, StoreUnreachableError
from fl_node.store.kubo import Kubo, Peer

_CONNECT_SECONDS = 1.0
_CONNECTS_AT_ONCE = 8
_HASTE_SECONDS = 1.0
_AGAIN_SECONDS = 0.5


@dataclass
class Circle:
    """One daemon's peering list.

    :ivar away: how many of them could not be connected
    """

    kubo: Kubo
    away: int = field(default=0, init=False)

    @contextmanager
    def kept_connected(self, deadline: float) -> Iterator[None]:
        """Connect to those that are missing now, and to those that come back meanwhile.

        :param deadline: on the monotonic clock
        :raises StoreUnreachableError: when the daemon is away
        """
        self._connect_missing(self.kubo, deadline)
        over = Event()
        thread = Thread(target=self._reconnect, args=(over, deadline))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _reconnect(self, over: Event, deadline: float) -> None:
        hasty = Kubo(self.kubo.api.hasty())  # nobody waits for a daemon longer than who fetches
        while not over.wait(_AGAIN_SECONDS) and _left(deadline):
            # Who fetches meets it too, and says so.
            with suppress(StoreError, StoreUnreachableError):
                self._connect_missing(hasty, min(time.monotonic() + _HASTE_SECONDS, deadline))

    def _connect_missing(self, kubo: Kubo, until: float) -> None:
        connected = {peer.id for peer in kubo.peers(_left(until))}
        wanted = kubo.peering(_left(until))
        missing = [peer for peer in wanted if peer.id not in connected and peer.addresses]

        def connects(peer: Peer) -> bool:
            return kubo.connect(peer, min(_CONNECT_SECONDS, _left(until)))

        with ThreadPoolExecutor(_CONNECTS_AT_ONCE) as pool:
            self.away = list(pool.map(connects, missing)).count(False)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
