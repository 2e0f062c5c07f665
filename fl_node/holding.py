"""Members hold everything: what others sent is fetched and pinned when nothing else is due.

Then no single store is needed for an audit, for a global that must be made again, or by a newcomer.
"""

import threading
import time
from collections.abc import Iterator

from fl_node.chain.timeline import Timeline
from fl_node.cid import Cid
from fl_node.errors import StoreError, StoreUnreachableError, UnavailableError
from fl_node.federation import Federation
from fl_node.retention import superseded_rounds
from fl_node.weights import MAX_HEADER_BYTES

_METADATA_BYTES = MAX_HEADER_BYTES + 64 * 1024  # more than a report may have, too
_TRY_SECONDS, _BYTES_PER_SECOND = 5.0, 10**7
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 10.0, 600.0


def wanted(timeline: Timeline, keep_rounds: int) -> Iterator[Cid]:
    """Name what a member holds of the rounds that are kept: updates, globals, reports, in order.

    A rejected update is its closer's to keep.

    :param keep_rounds: how many closed rounds; 0 means all
    """
    old = {log.number for log in superseded_rounds(timeline, keep_rounds)}
    for number, log in sorted(timeline.rounds.items()):
        if number in old:
            continue
        rejected = {rejection.update for rejection in log.rejections}
        yield from (update.weights for update in log.submitted if update not in rejected)
        for closing in log.closings:
            yield closing.model.weights
            if closing.model.report is not None:
                yield closing.model.report


class Holding:
    """Fetches what is missing, one file at a time, on a thread of its own."""

    def __init__(self, federation: Federation, keep_rounds: int = 0) -> None:
        """Begin with nothing known."""
        self._federation = federation
        self._keep_rounds = keep_rounds
        self._most_bytes = federation.initial.nbytes + _METADATA_BYTES
        self._held: set[Cid] = set()
        self._given_up: set[Cid] = set()
        self._pauses: dict[Cid, float] = {}
        self._due: dict[Cid, float] = {}
        self._thread: threading.Thread | None = None

    def turn(self, timeline: Timeline) -> bool:
        """Begin to fetch the next missing file, unless one is being fetched.

        :returns: whether one is
        :raises StoreUnreachableError: when this node's own store is away
        """
        if self._thread is not None and self._thread.is_alive():
            return True
        missing = next(self._missing(timeline), None)
        if missing is None:
            return False
        self._thread = threading.Thread(target=self._fetch, args=(missing,), daemon=True)
        self._thread.start()
        return True

    def _missing(self, timeline: Timeline) -> Iterator[Cid]:
        for cid in wanted(timeline, self._keep_rounds):
            if cid in self._held or cid in self._given_up:
                continue
            if time.monotonic() < self._due.get(cid, 0.0):
                continue
            if self._federation.store.holds(cid):
                self._held.add(cid)
            else:
                yield cid

    def _fetch(self, cid: Cid) -> None:
        timeout = _TRY_SECONDS + self._most_bytes / _BYTES_PER_SECOND
        try:
            self._federation.store.fetch(cid, max_bytes=self._most_bytes, timeout_seconds=timeout)
        except (UnavailableError, StoreUnreachableError):
            pause = min(2 * self._pauses.get(cid, _FIRST_PAUSE_SECONDS / 2), _LONGEST_PAUSE_SECONDS)
            self._pauses[cid], self._due[cid] = pause, time.monotonic() + pause
        except StoreError:  # other bytes, or too many: whoever sent it is judged by the closer
            self._given_up.add(cid)
        else:
            self._held.add(cid)
