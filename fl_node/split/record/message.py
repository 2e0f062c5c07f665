"""Messages: a signed record, then the body that it is about."""

from dataclasses import dataclass
from typing import Self

from fl_node.split.record.refusal import Refusal, UnfitError
from fl_node.split.record.signed import LEAF_BYTES, Record, SignedRecord


@dataclass(frozen=True)
class Message:
    """What goes over the wire and into the journal.

    :ivar body: a canonical safetensors file, see :mod:`fl_node.split.wire.frames`
    """

    signed: SignedRecord
    body: bytes | memoryview

    @property
    def record(self) -> Record:
        """What the sender says of the body."""
        return self.signed.record

    def pieces(self) -> tuple[bytes, bytes | memoryview]:
        """Give the bytes without joining them."""
        return self.signed.encode(), self.body

    @classmethod
    def decode(cls, content: bytes | memoryview) -> Self:
        """Read a message; nothing of it is checked but the record's layout.

        The body of a view is a view.

        :raises UnfitError: as :meth:`fl_node.split.record.signed.SignedRecord.decode`
        """
        if len(content) < LEAF_BYTES:
            raise UnfitError(
                Refusal.NOT_CANONICAL,
                f"a message has at least {LEAF_BYTES} bytes, found {len(content)}",
            )
        return cls(SignedRecord.decode(bytes(content[:LEAF_BYTES])), content[LEAF_BYTES:])
