"""What a chain must offer, in this process or over JSON-RPC, for the ledger to stand on it."""

from abc import ABC, abstractmethod

from web3 import Web3
from web3.types import TxParams, TxReceipt, Wei

from fl_node.chain.body import Body
from fl_node.chain.header import Header


class Connection(ABC):
    """A chain that one can read and send to.

    :ivar web3: speaks its JSON-RPC
    :ivar settled_depth: how many blocks, its own among them, keep a transaction where it is
    """

    web3: Web3
    settled_depth: int

    @property
    @abstractmethod
    def chain_id(self) -> int:
        """Give the id that transactions are signed for, the same for as long as this lives."""

    @abstractmethod
    def now(self) -> float:
        """Give the time by which the next block will judge deadlines, in seconds since 1970."""

    @abstractmethod
    def tip(self) -> Wei:
        """Give what a transaction offers the sealer for a unit of gas."""

    @abstractmethod
    def refusal(self, call: TxParams) -> bytes | None:
        """Find what the contract would refuse a call with, by the next block's clock.

        :returns: selector and arguments of its error; None when it would go through, or when a
            chain that mines at once finds out as cheaply by mining
        """

    @abstractmethod
    def revert_data(self, receipt: TxReceipt) -> bytes:
        """Find what a mined transaction that failed gave back: selector and arguments."""

    @abstractmethod
    def header(self, number: int) -> Header:
        """Give a block's header, byte for byte."""

    @abstractmethod
    def body(self, number: int) -> Body:
        """Give a block's transactions and receipts, byte for byte."""
