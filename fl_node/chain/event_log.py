"""A contract's logs, read once each: only what a re-ordering can still change is read again."""

from collections.abc import Sequence
from itertools import pairwise

from eth_typing import BlockNumber, ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import BadResponseFormat
from web3.types import FilterParams, LogReceipt

_BLOCKS_AT_ONCE = 10_000  # a node may refuse, or take long over, more
_ATTEMPTS = 3


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
        """Give all logs in order.

        :raises BadResponseFormat: when the node answers with others
        :raises ConnectionError: when the chain changes faster than it can be read
        """
        for _ in range(_ATTEMPTS):
            head = self._web3.eth.block_number
            if self._keep_settled(head):
                return [*self._kept, *self._between(self._settled + 1, head)]
        raise ConnectionError("settled blocks were replaced again and again while they were read")

    def _keep_settled(self, head: int) -> bool:
        """Read up to the last settled block; tell whether what is kept belongs to one chain."""
        if self._replaced(head):
            self._kept, self._settled = [], -1
        settled = head - self._settled_depth + 1
        if settled <= self._settled:
            return True
        block_hash = self._hash(settled)
        logs = self._between(self._settled + 1, settled)
        if self._replaced(head):
            return False
        self._kept = [*self._kept, *logs]
        self._settled, self._settled_hash = settled, block_hash
        return True

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

    def _between(self, first: int, last: int) -> list[LogReceipt]:
        found: list[LogReceipt] = []
        for start in range(first, last + 1, _BLOCKS_AT_ONCE):
            found += self._asked(start, min(start + _BLOCKS_AT_ONCE - 1, last))
        return found

    def _asked(self, first: int, last: int) -> Sequence[LogReceipt]:
        """Ask for a range; what the node gives is this contract's, of these blocks, in order."""
        span: FilterParams = {
            "address": self._address,
            "fromBlock": BlockNumber(first),
            "toBlock": BlockNumber(last),
        }
        logs = self._web3.eth.get_logs(span)
        places = [(log["blockNumber"], log["logIndex"]) for log in logs]
        if any(log["address"] != self._address for log in logs):
            raise BadResponseFormat(f"logs of others than {self._address}")
        if any(not first <= number <= last for number, _ in places) or not _rising(places):
            raise BadResponseFormat(f"logs that are not of blocks {first} to {last} in order")
        return logs


def _rising(places: list[tuple[BlockNumber, int]]) -> bool:
    return all(one < other for one, other in pairwise(places))
