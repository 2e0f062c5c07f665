"""What a node says of itself and of its chain, apart from any federation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from eth_typing import BlockNumber, ChecksumAddress
from web3.types import BlockIdentifier

from fl_node.chain.connection import Connection
from fl_node.chain.ethereum import checksum_address
from fl_node.chain.web3_errors import web3_errors
from fl_node.errors import LedgerError

_SHOWN_LETTERS = 200


@dataclass(frozen=True)
class Block:
    """A block's header, as far as a checkup reads it.

    :ivar digest: its hash
    :ivar timestamp: in seconds since 1970
    :ivar extra: what its sealer wrote; the genesis of a Clique chain names the sealers (EIP-225)
    """

    number: int
    digest: bytes
    timestamp: int
    extra: bytes


@dataclass(frozen=True)
class Vitals:
    """A chain's node, asked once a call.

    Every call raises `UnreachableError` when the node is away and `LedgerError` when it refuses, or
    answers something else than was asked.
    """

    connection: Connection

    def client(self) -> str:
        """Give its name and version, such as ``Geth/v1.13.15-stable/linux-amd64/go1.26.6``."""
        with chain_errors("its version"):
            version = str(self.connection.web3.client_version)
        return "".join(letter for letter in version if letter.isprintable())[:_SHOWN_LETTERS]

    def chain_id(self) -> int:
        """Give the id that transactions are signed for."""
        with chain_errors("its id"):
            return int(self.connection.web3.eth.chain_id)

    def genesis(self) -> Block:
        """Give block 0."""
        return self._block(BlockNumber(0), "its genesis")

    def newest(self) -> Block:
        """Give the newest block."""
        return self._block("latest", "its newest block")

    def peers(self) -> int:
        """Count the other nodes that it is connected with."""
        with chain_errors("its peers"):
            return int(self.connection.web3.net.peer_count)

    def blocks_behind(self) -> int:
        """Count the blocks that it knows of and has not taken over; 0 when it is in step."""
        with chain_errors("whether it synchronises"):
            found = self.connection.web3.eth.syncing
            if isinstance(found, bool):
                return 0
            return max(1, int(found["highestBlock"]) - int(found["currentBlock"]))

    def code(self, address: str) -> bytes:
        """Give the code of a contract; empty when there is none."""
        with chain_errors("a contract's code"):
            return bytes(self.connection.web3.eth.get_code(_checked(address)))

    def balance_wei(self, address: str) -> int:
        """Give what an account owns."""
        with chain_errors("a balance"):
            return int(self.connection.web3.eth.get_balance(_checked(address)))

    def gas_price_wei(self) -> int:
        """Give what a transaction sent now may cost for a unit of gas (EIP-1559)."""
        with chain_errors("its fees"):
            base_fee = self.connection.web3.eth.get_block("latest")["baseFeePerGas"]
            return int(2 * base_fee + self.connection.tip())

    def _block(self, which: BlockIdentifier, asked: str) -> Block:
        with chain_errors(asked):
            found = self.connection.web3.eth.get_block(which)
            extra = found.get("proofOfAuthorityData") or found.get("extraData") or b""
            return Block(
                number=int(found["number"]),
                digest=bytes(found["hash"]),
                timestamp=int(found["timestamp"]),
                extra=bytes(extra),
            )


@contextmanager
def chain_errors(asked: str) -> Iterator[None]:
    """Make web3's exceptions ours, and what becomes of an answer that is none.

    :raises UnreachableError: when the node is away or behind
    :raises LedgerError: when the node refuses, or answers something else than was asked
    """
    try:
        with web3_errors(asked):
            yield
    except (ValueError, TypeError, KeyError) as error:
        found = " ".join(str(error).split())[:_SHOWN_LETTERS]
        raise LedgerError(f"{asked} was asked of the chain, found: {found}") from error


def _checked(address: str) -> ChecksumAddress:
    return cast("ChecksumAddress", checksum_address(address))
