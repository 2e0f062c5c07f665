"""A contract's logs, read once each: only what a re-ordering can still change is read again."""

from collections.abc import Iterator

from eth_typing import BlockNumber, ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3.types import FilterParams, LogReceipt

_BLOCKS_AT_ONCE = 10_000  # a node may refuse, or take long over, more


class EventLog:
    """The logs of one address from block 0 to the newest.

    Those `settled_depth` blocks deep are kept. The hash of the last kept block is compared at every
    read: when it is another, however deep the re-ordering went, everything is read anew.
    """

    def __init__(self, web3: Web3, address: ChecksumAddress, settled_depth: int) -> None:
        self._web3 = web3
        self._address = address
        self._settled_depth = settled_depth
        self._kept: list[LogReceipt] = []
        self._settled, self._settled_hash = -1, HexBytes(b"")
        self._timestamps: dict[HexBytes, int] = {}

    def read(self) -> list[LogReceipt]:
        """Give all logs in order."""
        head = self._web3.eth.block_number
        if self._replaced(head):
            self._kept, self._settled = [], -1
        settled = head - self._settled_depth + 1
        if settled > self._settled:
            block_hash = self._hash(settled)
            self._kept = [*self._kept, *self._between(self._settled + 1, settled)]
            self._settled, self._settled_hash = settled, block_hash
        return [*self._kept, *self._between(self._settled + 1, head)]

    def timestamp(self, log: LogReceipt) -> int:
        """Give the time of a log's block, in seconds since 1970."""
        block_hash = log["blockHash"]
        if block_hash not in self._timestamps:
            self._timestamps[block_hash] = self._web3.eth.get_block(block_hash)["timestamp"]
        return self._timestamps[block_hash]

    def _replaced(self, head: int) -> bool:
        if self._settled < 0:
            return False
        return head < self._settled or self._hash(self._settled) != self._settled_hash

    def _hash(self, number: int) -> HexBytes:
        return self._web3.eth.get_block(BlockNumber(number))["hash"]

    def _between(self, first: int, last: int) -> Iterator[LogReceipt]:
        for start in range(first, last + 1, _BLOCKS_AT_ONCE):
            span: FilterParams = {
                "address": self._address,
                "fromBlock": BlockNumber(start),
                "toBlock": BlockNumber(min(start + _BLOCKS_AT_ONCE - 1, last)),
            }
            yield from self._web3.eth.get_logs(span)
