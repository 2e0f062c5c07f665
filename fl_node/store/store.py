"""What a content-addressed store does; the name of bytes is their CID, checked on every read."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

from fl_node.cid import Cid

Pieces = Iterable[bytes | memoryview]


class Store(ABC):
    """Bytes by their CID."""

    @abstractmethod
    def put(self, pieces: Pieces) -> Cid:
        """Store bytes, pin them, and give their name; storing them twice changes nothing.

        :raises StoreError: when they cannot be written; nothing is left behind
        """

    @abstractmethod
    def fetch(self, cid: Cid, *, max_bytes: int, timeout_seconds: float) -> Path:
        """Give a local file with exactly these bytes, pinned; it must not be changed.

        :raises UnavailableError: when they are not there, or not in time
        :raises TooLargeError: when there are more than ``max_bytes``
        :raises DigestMismatchError: when what is there has another CID
        """

    @abstractmethod
    def holds(self, cid: Cid) -> bool:
        """Tell whether the bytes are in this very store, whole, without asking others."""

    @abstractmethod
    def drop(self, cid: Cid) -> None:
        """Forget bytes that nobody needs here any more; forgetting them twice changes nothing.

        :raises StoreError: when it cannot be done
        """

    def read(self, cid: Cid, *, max_bytes: int, timeout_seconds: float) -> bytes:
        """Give small bytes at once; raises as :meth:`fetch`."""
        return self.fetch(cid, max_bytes=max_bytes, timeout_seconds=timeout_seconds).read_bytes()
