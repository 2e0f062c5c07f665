"""The files of a bundle as a store: for reading only."""

from dataclasses import dataclass
from pathlib import Path

from fl_node.cid import Cid
from fl_node.errors import StoreError, TooLargeError, UnavailableError
from fl_node.store.store import Pieces, Store


@dataclass(frozen=True)
class BundleStore(Store):
    """Files by their CIDs in a folder of this process, each hashed when it was put there."""

    folder: Path

    def put(self, pieces: Pieces) -> Cid:
        """Refuse: a bundle is as it was written."""
        raise StoreError(f"{Cid.of_pieces(pieces)} was to be put into a bundle: use the store")

    def fetch(
        self,
        cid: Cid,
        *,
        max_bytes: int,
        timeout_seconds: float,  # noqa: ARG002 - a file is there or not
    ) -> Path:
        """Give the file.

        :raises UnavailableError: when the bundle has it not
        :raises TooLargeError: when it has more bytes than allowed
        """
        place = self.folder / str(cid)
        if not place.is_file():
            raise UnavailableError(f"{cid} was asked for, the bundle has it not")
        if (size := place.stat().st_size) > max_bytes:
            raise TooLargeError(f"{cid} has {size} bytes, up to {max_bytes} were asked for")
        return place

    def holds(self, cid: Cid) -> bool:
        """Tell whether the bundle has the file."""
        return (self.folder / str(cid)).is_file()

    def drop(self, cid: Cid) -> None:
        """Refuse: a bundle is as it was written."""
        raise StoreError(f"{cid} was to be dropped from a bundle: write another bundle")
