"""What goes from a chain into a bundle; web3's errors end here."""

from collections.abc import Iterator
from typing import cast

from eth_typing import ChecksumAddress

from fl_node.chain.body import Body
from fl_node.chain.connection import Connection
from fl_node.chain.event_log import EventLog
from fl_node.chain.header import Header
from fl_node.chain.web3_errors import web3_errors
from fl_node.errors import LedgerError, UnreachableError


class Excerpt:
    """A chain from its genesis to a block that stays, and one contract on it."""

    def __init__(self, connection: Connection, federation: str, until: int | None = None) -> None:
        """Find the last block and that of the contract's creation.

        :param until: the last block; None for the newest that can no longer be replaced
        :raises LedgerError: when there is no such block, or no federation up to it
        """
        self._connection = connection
        self.federation = federation
        self._address = cast("ChecksumAddress", federation)
        with web3_errors("its blocks"):
            self.chain_id = connection.chain_id
            settled = connection.web3.eth.block_number - connection.settled_depth + 1
            logs = EventLog(connection.web3, self._address, connection.settled_depth).read()
        self.head = settled if until is None else until
        if not 0 <= self.head <= settled:
            raise LedgerError(
                f"blocks up to {self.head} were asked for, those up to {settled} can no longer "
                "be replaced: try again later, or with fewer"
            )
        if not logs or logs[0]["blockNumber"] > self.head:
            raise UnreachableError(
                f"no federation at {federation} on chain {self.chain_id} up to block {self.head}: "
                "check address and chain"
            )
        self.first_block = int(logs[0]["blockNumber"])

    def code(self) -> bytes:
        """Give the contract's code."""
        with web3_errors("the contract's code"):
            return bytes(self._connection.web3.eth.get_code(self._address))

    def blocks(self) -> Iterator[tuple[Header, Body | None]]:
        """Give every header, and what is in the blocks from the creation on that have anything."""
        for number in range(self.head + 1):
            with web3_errors("its blocks", number):
                header = self._connection.header(number)
                filled = number >= self.first_block and not header.is_idle
                body = self._connection.body(number) if filled else None
            yield header, body
