"""Transactions and receipts of the blocks that have any, one block after the other.

A block: the number of its transactions in four bytes; then each transaction and its receipt, the
length of either in four bytes before it. All numbers are big-endian.
"""

from typing import BinaryIO

from fl_node.bundle.frames import frame, read_frame, read_whole
from fl_node.chain.body import Body
from fl_node.chain.header import RECEIPTS, TRANSACTIONS, Header
from fl_node.chain.proof import root_of
from fl_node.errors import BundleError, ProofError

_LENGTH_BYTES = 4
_MAX_TRANSACTIONS = 2**16  # more than 21,000 gas each would fit into any block
MAX_PART_BYTES = 2**24  # what a block's gas buys is less
_MAX_BLOCK_BYTES = 2**26


def encode_body(body: Body) -> bytes:
    """Give a block's record."""
    pairs = zip(body.transactions, body.receipts, strict=True)
    framed = (frame(part, _LENGTH_BYTES) for pair in pairs for part in pair)
    return b"".join([len(body.transactions).to_bytes(_LENGTH_BYTES), *framed])


def read_body(stream: BinaryIO) -> Body:
    """Read the next block's record.

    :raises BundleError: when there is none, or one larger than any block
    """
    count = read_whole(stream, _LENGTH_BYTES)
    if not 0 < count <= _MAX_TRANSACTIONS:
        raise BundleError(f"a block in the bundle has {count} transactions: take another copy")
    left, parts = _MAX_BLOCK_BYTES, []
    for _ in range(2 * count):
        parts.append(read_frame(stream, _LENGTH_BYTES, min(left, MAX_PART_BYTES)))
        left -= len(parts[-1])
    return Body(tuple(parts[::2]), tuple(parts[1::2]))


def require_roots(header: Header, body: Body) -> None:
    """See that a block's transactions and receipts are those of its header, all and in order.

    :raises ProofError: when they are not
    """
    for place, items, what in (
        (TRANSACTIONS, body.transactions, "transactions"),
        (RECEIPTS, body.receipts, "receipts"),
    ):
        if root_of(items) != header.fields[place]:
            raise ProofError(f"block {header.number} has other {what} than its header says")
