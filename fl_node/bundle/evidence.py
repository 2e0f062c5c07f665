"""What a bundle's blocks prove: each hash, root, seal and signature, and the events they carry."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fl_node.bundle.bodies import read_body, require_roots
from fl_node.bundle.headers import Block, HeaderCoder
from fl_node.bundle.manifest import BLOCKS, CODE, HEADERS
from fl_node.bundle.signed import Signatures
from fl_node.chain.abi import decode_call, decode_event
from fl_node.chain.clique import Clique, names_sealers
from fl_node.chain.header import Header
from fl_node.chain.ledger import LedgerEvent
from fl_node.chain.proof import (
    Receipt,
    SignedTransaction,
    contract_address,
    read_receipt,
    read_transaction,
)
from fl_node.chain.runtime import is_federation
from fl_node.errors import BundleError, ProofError

CLIQUE, UNSEALED = "clique", "unsealed"
_MAX_CODE_BYTES = 24_576  # EIP-170


@dataclass(frozen=True)
class Claim:
    """What the blocks are to prove.

    :ivar first_block: the one that the contract was created in
    """

    chain_id: int
    federation: str
    first_block: int


@dataclass(frozen=True)
class Evidence:
    """What the blocks prove.

    :ivar kind: ``clique`` when sealers signed each block, else ``unsealed``
    :ivar events: of the contract, all of them, in order
    :ivar genesis: the first block's hash
    :ivar head: the last block's number and hash
    :ivar sealers: addresses of those who may seal at the end
    :ivar least_gap_seconds: between two sealed blocks; None when there are less than three
    :ivar anchored_block: up to which nothing can be another, if the anchor is right; None when it
        was not found or none was given
    """

    kind: str
    events: tuple[LedgerEvent, ...]
    genesis: bytes
    head: tuple[int, bytes]
    sealers: tuple[str, ...]
    least_gap_seconds: int | None
    anchored_block: int | None


def prove(folder: Path, claim: Claim, anchor: bytes | None = None) -> Evidence:
    """Check every block from the genesis to the head, and take the events out.

    :param folder: with a bundle's files about the chain
    :param anchor: a block's hash or a history, obtained elsewhere
    :raises ProofError: where the blocks break a rule, or do not prove the claim
    :raises BundleError: where the files are not as they are written
    :raises LedgerError: when a log of the contract's is none of its events
    """
    _require_code(folder / CODE)
    with (folder / HEADERS).open("rb") as headers, (folder / BLOCKS).open("rb") as bodies:
        chain = _Chain(claim, anchor)
        for block in HeaderCoder().decode(headers):
            chain.follow(block, bodies)
        if bodies.read(1):
            raise BundleError("the bundle has transactions of blocks that its headers do not have")
    return chain.evidence()


class _Chain:
    """How far the blocks were read: the events, and nothing of idle blocks but the newest."""

    def __init__(self, claim: Claim, anchor: bytes | None) -> None:
        self._claim, self._anchor = claim, anchor
        self._clique: Clique | None = None
        self._signatures = Signatures(claim.federation, claim.chain_id)
        self._genesis: Block | None = None
        self._last: Block | None = None
        self._events: list[LedgerEvent] = []
        self._anchored: int | None = None

    def follow(self, block: Block, bodies: BinaryIO) -> None:
        self._check_link(block)
        if self._genesis is None:
            self._genesis = block
            self._clique = Clique(block.header) if names_sealers(block.header) else None
        elif self._clique is not None:
            self._clique.follow(block.header)
        if block.hash == self._anchor:
            self._anchored = block.header.number
        if block.header.number >= self._claim.first_block and not block.header.is_idle:
            self._read(block.header, bodies)
        self._last = block

    def evidence(self) -> Evidence:
        if self._genesis is None or self._last is None or not self._events:
            raise ProofError(f"the bundle's blocks hold no federation {self._claim.federation}")
        if self._events[0].block != self._claim.first_block:
            raise ProofError(f"the contract was created in block {self._events[0].block}")
        sealers = self._clique.sealers if self._clique else []
        return Evidence(
            kind=CLIQUE if self._clique else UNSEALED,
            events=tuple(self._events),
            genesis=self._genesis.hash,
            head=(self._last.header.number, self._last.hash),
            sealers=tuple(f"0x{sealer.hex()}" for sealer in sealers),
            least_gap_seconds=self._clique.least_gap_seconds if self._clique else None,
            anchored_block=self._anchored,
        )

    def _check_link(self, block: Block) -> None:
        header, last = block.header, self._last
        number, parent = (last.header.number + 1, last.hash) if last else (0, bytes(32))
        if (header.number, header.parent) != (number, parent):
            raise ProofError(
                f"block {number} was expected on 0x{parent.hex()}, found block {header.number} on "
                f"0x{header.parent.hex()}: the chain is not what it says"
            )
        if last is not None and header.timestamp < last.header.timestamp:
            raise ProofError(f"block {number} is older than the one before it")

    def _read(self, header: Header, bodies: BinaryIO) -> None:
        body = read_body(bodies)
        require_roots(header, body)
        for raw, raw_receipt in zip(body.transactions, body.receipts, strict=True):
            with _in_block(header.number):
                self._follow(header, raw, read_receipt(raw_receipt))

    def _follow(self, header: Header, raw: bytes, receipt: Receipt) -> None:
        logs = [log for log in receipt.logs if log.address == self._claim.federation]
        transaction = read_transaction(raw)
        if len(logs) != self._due(transaction, receipt):
            raise ProofError(f"a transaction of {transaction.sender} has {len(logs)} events")
        for log in logs:
            name, values = decode_event(log.topics, log.data)
            event = LedgerEvent(name, values, header.number, header.timestamp)
            self._signatures.follow(event, transaction)
            self._events.append(event)
            if values["history"] == self._anchor:
                self._anchored = header.number

    def _due(self, transaction: SignedTransaction, receipt: Receipt) -> int:
        """Count the events that a transaction must have: each successful call has one."""
        if not receipt.succeeded:
            return 0
        if transaction.receiver == self._claim.federation:
            return 0 if decode_call(transaction.data) is None else 1
        creation = transaction.receiver is None and not self._events
        return 1 if creation and self._creates(transaction) else 0

    def _creates(self, transaction: SignedTransaction) -> bool:
        return contract_address(transaction.sender, transaction.nonce) == self._claim.federation


@contextmanager
def _in_block(number: int) -> Iterator[None]:
    try:
        yield
    except ProofError as error:
        raise ProofError(f"block {number}: {error}") from error


def _require_code(place: Path) -> None:
    with place.open("rb") as stream:
        code = stream.read(_MAX_CODE_BYTES + 1)
    if not is_federation(code):
        raise ProofError("the contract has other code than that which this version brings")
