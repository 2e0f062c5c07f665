"""The rules of split learning on the chain in plain Python: everything is looked up in what was.

Written from the design, not from the Solidity: nothing is counted that can be found in the list of
what happened.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from eth_abi.abi import encode
from eth_utils import keccak

from fl_node.chain.epoch_signature import recover_epoch
from fl_node.chain.epochs import EVERYONE, EpochRecord, Mark, Side
from fl_node.chain.interface import split_session
from fl_node.cid import Cid
from fl_node.errors import SignatureError
from tests.contracts.evm import CHAIN_ID
from tests.contracts.split_sandbox import NOBODY
from tests.contracts.spoken import Event, RefusedError

MAX_CERTIFICATE_BYTES, MAX_ENDPOINT_BYTES = 2048, 255
_RECORD = "uint32,uint32,uint32,bytes32,bytes32,bytes32,bytes32"
FIELDS = {
    "NodeRegistered": "uint32,address",
    "NodeRemoved": "uint32,address",
    "ProviderSet": "address,address",
    "Announced": "uint32,address,bytes32,bytes,bytes,uint40",
    "EpochRecorded": f"{_RECORD},bytes,bytes",
    "RecordedAlone": "uint32,uint32,uint8,address,uint32,bytes32,bytes32,bytes32,uint32",
    "HandedOn": "uint32,uint32,uint32,bytes32",
}

_MAY_FOLLOW = {
    Mark.NONE: {Mark.ONE_SIDED, Mark.DISPUTED},
    Mark.ONE_SIDED: {Mark.DISPUTED},
    Mark.DISPUTED: set(),
}


@dataclass
class Party:
    """A node or the provider under its account of now.

    :ivar seen: when it first announced itself, or last signed an epoch; None if never
    """

    account: str
    seen: int | None = None


@dataclass
class Log:
    """What was recorded of a node, whoever had its account.

    :ivar recorded: times of its epochs with both signatures, in order
    :ivar alone: what each side said alone last, by epoch
    """

    recorded: list[int] = field(default_factory=list)
    alone: dict[tuple[int, Side], Mark] = field(default_factory=dict)

    @property
    def next_epoch(self) -> int:
        return len(self.recorded) + 1

    def mark(self, side: Side) -> Mark:
        return self.alone.get((self.next_epoch, side), Mark.NONE)


class SplitReference:
    """A contract; `act` does what its function of that name does."""

    def __init__(
        self, seed: bytes, address: str, owner: str, provider: str, terms: tuple[int, int]
    ) -> None:
        self.history, self.address, self.owner = seed, address, owner
        self.epochs, self.deadline_seconds = terms
        self.now = 0
        self.provider = Party(provider)
        self.nodes: dict[int, Party] = {}
        self.logs: dict[int, Log] = {}
        self._functions: dict[str, Callable[..., Event]] = {
            "registerNode": self._register_node,
            "removeNode": self._remove_node,
            "setProvider": self._set_provider,
            "announce": self._announce,
            "recordEpoch": self._record_epoch,
            "recordAlone": self._record_alone,
            "handOn": self._hand_on,
        }

    def act(self, sender: str, function: str, *values: Any) -> Event:
        """Do it, or raise the refusal and change nothing."""
        return self._functions[function](sender, *values)

    # Questions.

    def log(self, node: int) -> Log:
        """Give what was recorded of a node."""
        return self.logs.setdefault(node, Log())

    def node_of(self, account: str) -> int:
        """Name the id that an account holds; 0 if none."""
        return next((node for node, party in self.nodes.items() if party.account == account), 0)

    def since(self, node: int) -> int:
        """Say from when the node's next epoch is awaited; 0 if it was never here."""
        party = self.nodes.get(node)
        return (party.seen or 0) if party else 0

    def deadline(self, node: int) -> int:
        """Say from when a side may record alone that the other does not sign."""
        return max(self.since(node), self.provider.seen or 0) + self.deadline_seconds

    def view_session(self, node: int) -> dict[str, Any]:
        """Give what the contract's view gives."""
        log, party = self.log(node), self.nodes.get(node)
        return {
            "account": party.account if party else NOBODY,
            "epochs": len(log.recorded),
            "since": self.since(node),
            "byProvider": log.mark(Side.PROVIDER),
            "byNode": log.mark(Side.NODE),
        }

    # Acts.

    def _register_node(self, sender: str, node: int, account: str) -> Event:
        self._require_owner(sender)
        if node == 0:
            _refuse("ZeroNodeId")
        if account == self.provider.account:
            _refuse("AccountOfProvider", account)
        if node in self.nodes:
            _refuse("NodeTaken", node, self.nodes[node].account)
        self._require_free(account)
        self.nodes[node] = Party(account)
        return self._tell("NodeRegistered", node, account)

    def _remove_node(self, sender: str, node: int) -> Event:
        self._require_owner(sender)
        account = self._party(node).account
        del self.nodes[node]
        return self._tell("NodeRemoved", node, account)

    def _set_provider(self, sender: str, account: str) -> Event:
        self._require_owner(sender)
        self._require_free(account)
        previous = self.provider.account
        if account == previous:
            _refuse("AccountOfProvider", account)
        self.provider = Party(account)
        return self._tell("ProviderSet", account, previous)

    def _announce(
        self, sender: str, node: int, key: bytes, certificate: bytes, endpoint: bytes, expires: int
    ) -> Event:
        party = self._party(node) if node else self.provider
        if sender != party.account:
            _refuse("NotAccountOfNode", node, sender)
        if not any(key):
            _refuse("EmptyKey")
        for given, most in ((certificate, MAX_CERTIFICATE_BYTES), (endpoint, MAX_ENDPOINT_BYTES)):
            if len(given) > most:
                _refuse("TooLong", len(given), most)
        if expires <= self.now:
            _refuse("Expired", expires, self.now)
        if party.seen is None:
            party.seen = self.now
        return self._tell("Announced", node, sender, key, certificate, endpoint, expires)

    def _record_epoch(
        self, _sender: str, values: tuple[Any, ...], by_node: bytes, by_provider: bytes
    ) -> Event:
        node, epoch, steps, root, records, *checkpoints = values
        party = self._party(node)
        self._require_next(node, epoch)
        signed = EpochRecord(node, epoch, steps, root, Cid(records), *checkpoints)
        self._require_signed(node, party, signed, by_node)
        self._require_signed(0, self.provider, signed, by_provider)
        self.log(node).recorded.append(self.now)
        party.seen = self.now
        return self._tell("EpochRecorded", *values, by_node, by_provider)

    def _record_alone(
        self,
        sender: str,
        node: int,
        epoch: int,
        steps: int,
        root: bytes,
        records: bytes,
        checkpoint: bytes,
        difference: int,
    ) -> Event:
        party = self._party(node)
        sides = {party.account: Side.NODE, self.provider.account: Side.PROVIDER}
        if sender not in sides:
            _refuse("NotParty", node, sender)
        side = sides[sender]
        self._require_next(node, epoch)
        mark = Mark.DISPUTED if difference else Mark.ONE_SIDED
        if mark not in _MAY_FOLLOW[self.log(node).mark(side)]:
            _refuse("AlreadyRecordedAlone", node, epoch, side)
        if not difference:
            self._require_overdue(node, party)
        self.log(node).alone[epoch, side] = mark
        said = (steps, root, records, checkpoint, difference)
        return self._tell("RecordedAlone", node, epoch, side, sender, *said)

    def _hand_on(
        self, sender: str, from_node: int, to_node: int, epoch: int, weights: bytes
    ) -> Event:
        if sender != self._party(from_node).account:
            _refuse("NotAccountOfNode", from_node, sender)
        if from_node == to_node:
            _refuse("SameNode", to_node)
        if to_node != EVERYONE:
            self._party(to_node)
        epochs = len(self.log(from_node).recorded)
        if not 1 <= epoch <= epochs:
            _refuse("NotRecorded", from_node, epoch, epochs)
        return self._tell("HandedOn", from_node, to_node, epoch, weights)

    # Rules.

    def _party(self, node: int) -> Party:
        if node not in self.nodes:
            _refuse("UnknownNode", node)
        return self.nodes[node]

    def _require_owner(self, sender: str) -> None:
        if sender != self.owner:
            _refuse("NotOwner", sender, self.owner)

    def _require_free(self, account: str) -> None:
        if account == NOBODY:
            _refuse("ZeroAccount")
        if self.node_of(account):
            _refuse("AccountTaken", account, self.node_of(account))

    def _require_next(self, node: int, epoch: int) -> None:
        following = self.log(node).next_epoch
        if following > self.epochs:
            _refuse("SessionComplete", self.epochs)
        if epoch != following:
            _refuse("WrongEpoch", epoch, following)

    def _require_overdue(self, node: int, party: Party) -> None:
        for number, each in ((node, party), (0, self.provider)):
            if each.seen is None:
                _refuse("NotAnnounced", number)
        if self.now < self.deadline(node):
            _refuse("DeadlineRunning", self.deadline(node), self.now)

    def _require_signed(self, node: int, party: Party, given: EpochRecord, by: bytes) -> None:
        try:
            found = recover_epoch(given, by, CHAIN_ID, self.address).lower()
        except SignatureError:
            found = NOBODY
        if found != party.account:
            _refuse("BadSignature", node, party.account, found)

    def _tell(self, name: str, *values: Any) -> Event:
        """Fold what happened into the history."""
        types = FIELDS[name]
        topic = keccak(text=f"{name}({types},bytes32)")
        flat = ["bytes32", "bytes32", *types.split(",")]
        self.history = keccak(encode(flat, [self.history, topic, *values]))
        return Event(name, (*values, self.history), split_session())


def _refuse(name: str, *values: Any) -> NoReturn:
    raise RefusedError(name, *values)
