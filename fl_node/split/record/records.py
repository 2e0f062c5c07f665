"""The records file: an epoch's leaves in order, 169 bytes each, which is published by its CID."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from fl_node.split.record.refusal import Refusal, UnfitError
from fl_node.split.record.signed import LEAF_BYTES, Record, SignedRecord


def encode_records(leaves: Iterable[bytes]) -> bytes:
    """Give the file."""
    return b"".join(leaves)


def decode_records(content: bytes, session: bytes, epoch: int) -> list[SignedRecord]:
    """Read the file; whether each record is signed and the right one says its history.

    :raises UnfitError: for other bytes, another session or epoch, or another order than by step
        and phase
    """
    if len(content) % LEAF_BYTES:
        raise UnfitError(
            Refusal.NOT_CANONICAL,
            f"leaves of {LEAF_BYTES} bytes were expected, found {len(content)} bytes",
        )
    found = [SignedRecord.decode(leaf) for leaf in _leaves(content)]
    for index, signed in enumerate(found):
        _check(index, signed.record, session, epoch)
    for index, (one, other) in enumerate(pairwise(found)):
        if _order(one.record) >= _order(other.record):
            raise UnfitError(
                Refusal.NOT_CANONICAL, f"leaf {index + 1} comes before leaf {index} in an epoch"
            )
    return found


def _leaves(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), LEAF_BYTES):
        yield content[start : start + LEAF_BYTES]


def _check(index: int, record: Record, session: bytes, epoch: int) -> None:
    if record.session != session:
        raise UnfitError(Refusal.WRONG_SESSION, f"leaf {index} is of another session")
    if record.epoch != epoch:
        raise UnfitError(
            Refusal.WRONG_EPOCH, f"leaf {index} is of epoch {record.epoch}, not {epoch}"
        )


def _order(record: Record) -> tuple[int, int]:
    return record.step, record.phase
