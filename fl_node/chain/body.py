"""What a block holds besides its header."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Body:
    """A block's transactions and their receipts, each as it goes into the header's roots."""

    transactions: tuple[bytes, ...]
    receipts: tuple[bytes, ...]
