"""The contract's rules in plain Python, the slow and obvious way: everything is looked up anew.

Written from the design, not from the Solidity: what the contract counts is counted here, what it
forgets by a new opening is cleared here.
"""

from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, field, replace
from typing import Any, NoReturn

from eth_abi.abi import encode
from eth_utils import keccak

from tests.contracts.sandbox import EMPTY, NOBODY
from tests.contracts.spoken import Event, RefusedError

MAX_ATTEMPTS = 3
_TERMS = "(uint32,uint32,uint32,uint32,uint32,uint32,uint32)"
FIELDS = {
    "LocalWeightSet": "uint32,uint32,uint32,bytes32,uint64,uint8",
    "LocalWeightRejected": "uint32,uint32,bytes32,uint8,address",
    "GlobalWeightSet": "uint32,bytes32,bytes32,address",
    "NodeRegistered": "uint32,address",
    "NodeReplaced": "uint32,address,address,bool",
    "NodeRemoved": "uint32,address,bool",
    "HeaderSet": "address,address",
    "TermsSet": _TERMS,
    "Extended": "uint32",
    "Reopened": "uint32",
}


@dataclass(frozen=True)
class Terms:
    """The rules in force, or pending."""

    target: int
    quorum: int
    roundSeconds: int  # noqa: N815  (the contract's names, so that states can be compared)
    graceSeconds: int  # noqa: N815
    maxStaleness: int  # noqa: N815
    finality: int
    rounds: int

    def has_shape(self) -> bool:
        """Say whether any number of nodes could fulfil them."""
        ordered = self.target == 0 or self.quorum <= self.target
        return ordered and min(self.quorum, self.roundSeconds, self.rounds) >= 1

    def fit(self, nodes: int) -> bool:
        """Say whether this many nodes can fulfil them."""
        return self.quorum <= (self.target or nodes) <= nodes and self.finality <= nodes


NO_TERMS = Terms(0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Update:
    """A node's latest update; `opening` 0 if it never sent one."""

    weights: bytes = EMPTY
    samples: int = 0
    round: int = 0
    base: int = 0
    opening: int = 0
    attempts: int = 0
    standing: bool = False


@dataclass
class Node:
    """What belongs to a node's id, whoever holds it."""

    account: str = NOBODY
    since: int = 0
    attested: int = 0
    replaced: int = 0
    next_base: int = 0
    latest: Update = field(default_factory=Update)


@dataclass(frozen=True)
class Global:
    """A global model's digest and its report's."""

    weights: bytes
    report: bytes


class Reference:
    """A federation; `act` does what the contract's function of that name does."""

    def __init__(
        self, seed: bytes, owner: str, header: str, initial: bytes, terms: Terms, now: int
    ) -> None:
        self.history = seed
        self.owner, self.header, self.initial = owner, header, initial
        self.terms, self.pending = terms, NO_TERMS
        self.now = now
        self.nodes: dict[int, Node] = {}
        self.globals: dict[int, Global] = {}
        self.number = self.opening = self.members = 0
        self.opened_at = self.closable_at = 0
        self.agreeing: set[int] = set()
        self.final = False
        self._functions: dict[str, Callable[..., Event]] = {
            "setLocalWeight": self._set_local_weight,
            "rejectLocalWeight": self._reject_local_weight,
            "setGlobalWeight": self._set_global_weight,
            "attest": self._attest,
            "registerNode": self._register_node,
            "replaceNode": self._replace_node,
            "removeNode": self._remove_node,
            "setHeader": self._set_header,
            "setTerms": self._set_terms,
            "extend": self._extend,
            "reopen": self._reopen,
        }

    def act(self, sender: str, function: str, *values: Any) -> Event:
        """Do it, or raise the refusal and change nothing."""
        return self._functions[function](sender, *values)

    # Questions.

    def node(self, node_id: int) -> Node:
        """Give what is known of an id."""
        return self.nodes.setdefault(node_id, Node())

    def registered(self) -> list[int]:
        """Name the ids that have an account."""
        return [node_id for node_id, node in self.nodes.items() if node.account != NOBODY]

    def node_of(self, account: str) -> int:
        """Name the id that an account holds; 0 if none."""
        held = [i for i, node in self.nodes.items() if node.account == account != NOBODY]
        return held[0] if held else 0

    def stands(self, node_id: int) -> bool:
        """Say whether the node has an update in the open round."""
        latest = self.node(node_id).latest
        return latest.standing and latest.opening == self.opening

    def received(self) -> int:
        """Count the updates in the open round."""
        return sum(self.stands(node_id) for node_id in list(self.nodes))

    def target(self) -> int:
        """Say how many updates close the round at once."""
        return self.terms.target or self.members

    def deadline(self) -> int:
        """Say from when the quorum is enough."""
        return self.opened_at + self.terms.roundSeconds

    def closable(self) -> bool:
        """Say whether the round can be closed now."""
        late = self.now >= self.deadline() and self.received() >= self.terms.quorum
        return late or self.received() >= self.target()

    def complete(self) -> bool:
        """Say whether the last round is closed."""
        return self.number > self.terms.rounds

    def next_base(self, node_id: int) -> int:
        """Give the oldest base that the node may use in the open round."""
        node = self.node(node_id)
        if node.latest.standing and node.latest.round < self.number:
            return node.latest.base + 1
        return node.next_base

    # What nodes and the header do.

    def _set_local_weight(
        self, sender: str, node_id: int, number: int, base: int, weights: bytes, samples: int
    ) -> Event:
        node = self.node(node_id)
        if node.account != sender:
            _refuse("NotAccountOfNode", node_id, sender)
        self._require_turn(node_id, number)
        self._require_base(node_id, number, base)
        if self.closable():
            _refuse("RoundFull", number, self.received())
        if self.stands(node_id):
            _refuse("AlreadySubmitted", node_id, number, node.latest.weights)
        attempts = node.latest.attempts if node.latest.opening == self.opening else 0
        if attempts >= MAX_ATTEMPTS:
            _refuse("TooManyAttempts", node_id, attempts)
        node.next_base = self.next_base(node_id)
        node.latest = Update(weights, samples, number, base, self.opening, attempts + 1, True)
        if self.closable():
            self.closable_at = self.now
        return self._tell("LocalWeightSet", number, node_id, base, weights, samples, attempts + 1)

    def _require_turn(self, node_id: int, number: int) -> None:
        since = self.node(node_id).since
        if number != self.number:
            _refuse("WrongRound", number, self.number)
        if number == 0:
            _refuse("NotStarted")
        if self.complete():
            _refuse("FederationComplete", self.terms.rounds)
        if since > self.opening:
            _refuse("NotYetMember", node_id, since, self.opening)
        if not self.final:
            _refuse("GlobalNotFinal", number - 1, len(self.agreeing), self.terms.finality)

    def _require_base(self, node_id: int, number: int, base: int) -> None:
        if base >= number:
            _refuse("BaseTooNew", base, number)
        oldest = number - 1 - self.terms.maxStaleness
        if base < oldest:
            _refuse("BaseTooOld", base, oldest)
        if base < self.next_base(node_id):
            _refuse("BaseUsed", base, self.next_base(node_id))

    def _reject_local_weight(
        self, sender: str, node_id: int, number: int, weights: bytes, reason: int
    ) -> Event:
        if number != self.number:
            _refuse("WrongRound", number, self.number)
        if not self.stands(node_id):
            _refuse("NotStanding", node_id, number)
        standing = self.node(node_id).latest.weights
        if weights != standing:
            _refuse("OtherWeights", weights, standing)
        if sender != self.header:
            self._require_grace(sender)
        self._withdraw(node_id)
        return self._tell("LocalWeightRejected", number, node_id, weights, reason, sender)

    def _withdraw(self, node_id: int) -> bool:
        if not self.stands(node_id):
            return False
        node = self.node(node_id)
        node.latest = replace(node.latest, standing=False)
        if not self.closable():
            self.closable_at = 0
        return True

    def _require_grace(self, sender: str) -> None:
        if not self.node_of(sender):
            _refuse("NotHeaderOrNode", sender)
        self._require_closable()
        self._require_after((self.closable_at or self.deadline()) + self.terms.graceSeconds)

    def _require_closable(self) -> None:
        if not self.closable():
            quorum, deadline = self.terms.quorum, self.deadline()
            _refuse("NotClosable", self.received(), self.target(), quorum, deadline)

    def _require_after(self, until: int) -> None:
        if self.now < until:
            _refuse("GraceRunning", until, self.now)

    def _require_seen(self, seen: bytes) -> None:
        if seen != self.history:
            _refuse("StaleHistory", seen, self.history)

    def _set_global_weight(
        self, sender: str, number: int, weights: bytes, report: bytes, seen: bytes
    ) -> Event:
        self._require_seen(seen)
        if number == 0 == self.number:
            self._require_start(sender, weights, report)
            opened, final = 1, True
        elif number == self.number:
            self._require_close(sender)
            opened, final = number + 1, False
        elif 1 <= number == self.number - 1 and not self.final:
            self._require_replacement(sender, number, weights)
            self.node(self.node_of(sender)).replaced = number
            opened, final = self.number, False
        else:
            _refuse("WrongRound", number, self.number)
        self.globals[number] = Global(weights, report)
        self._open(opened, final)
        return self._tell("GlobalWeightSet", number, weights, report, sender)

    def _require_start(self, sender: str, weights: bytes, report: bytes) -> None:
        self._require_owner(sender)
        if weights != self.initial:
            _refuse("NotInitialWeights", weights, self.initial)
        if report != EMPTY:
            _refuse("ReportNotEmpty", report)
        self._require_fit(self.terms, len(self.registered()))

    def _require_close(self, sender: str) -> None:
        if self.complete():
            _refuse("FederationComplete", self.terms.rounds)
        if sender != self.header:
            self._require_grace(sender)
        self._require_closable()

    def _require_replacement(self, sender: str, number: int, weights: bytes) -> None:
        node_id = self.node_of(sender)
        if not node_id:
            _refuse("NotNode", sender)
        self._require_after(self.opened_at + self.terms.graceSeconds)
        if self.node(node_id).replaced == number:
            _refuse("AlreadyReplaced", node_id, number)
        if weights == self.globals[number].weights:
            _refuse("SameWeights", weights)

    def _open(self, number: int, final: bool) -> None:
        self._enforce_pending()
        self.number, self.opening = number, self.opening + 1
        self.members = len(self.registered())
        self.opened_at, self.closable_at = self.now, 0
        self.agreeing = set()
        self.final = final or self.terms.finality == 0

    def _enforce_pending(self) -> None:
        if self.pending != NO_TERMS:
            self.terms, self.pending = self.pending, NO_TERMS

    def _attest(self, sender: str, node_id: int, number: int, weights: bytes, seen: bytes) -> Event:
        node = self.node(node_id)
        if node.account != sender:
            _refuse("NotAccountOfNode", node_id, sender)
        if number != self.number - 1 or number < 1:
            _refuse("WrongRound", number, self.number)
        self._require_seen(seen)
        if node.attested == self.opening:
            _refuse("AlreadyAttested", node_id, number)
        node.attested = self.opening
        agrees = weights == self.globals[number].weights
        if agrees:
            self.agreeing.add(node_id)
        if not self.final and len(self.agreeing) >= self.terms.finality:
            self.final, self.opened_at = True, self.now
        return Event("Attested", (number, node_id, weights, agrees, seen))

    # What the owner does.

    def _register_node(self, sender: str, node_id: int, account: str) -> Event:
        self._require_owner(sender)
        if node_id == 0:
            _refuse("ZeroNodeId")
        node = self.node(node_id)
        if node.account != NOBODY:
            _refuse("NodeTaken", node_id, node.account)
        self._require_free(account)
        node.account = account
        node.since = self.opening + (0 if self.complete() else 1)
        return self._tell("NodeRegistered", node_id, account)

    def _replace_node(self, sender: str, node_id: int, account: str) -> Event:
        self._require_owner(sender)
        node = self._require_node(node_id)
        self._require_free(account)
        previous, node.account = node.account, account
        withdrew = self._withdraw(node_id)
        node.latest = replace(node.latest, attempts=0)
        return self._tell("NodeReplaced", node_id, account, previous, withdrew)

    def _remove_node(self, sender: str, node_id: int) -> Event:
        self._require_owner(sender)
        node = self._require_node(node_id)
        if self.number:
            terms = self.terms if self.pending == NO_TERMS else self.pending
            self._require_fit(terms, len(self.registered()) - 1)
        withdrew = self._withdraw(node_id)
        account, node.account, node.since = node.account, NOBODY, 0
        return self._tell("NodeRemoved", node_id, account, withdrew)

    def _set_header(self, sender: str, account: str) -> Event:
        self._require_owner(sender)
        if account == NOBODY:
            _refuse("ZeroAccount")
        previous, self.header = self.header, account
        return self._tell("HeaderSet", account, previous)

    def _set_terms(self, sender: str, values: tuple[int, ...]) -> Event:
        self._require_owner(sender)
        changed = Terms(*values)
        if changed.rounds != self.terms.rounds:
            _refuse("RoundsDiffer", changed.rounds, self.terms.rounds)
        if not changed.has_shape():
            _refuse("BadTerms", values)
        if self.number == 0:
            self.terms = changed
        else:
            self._require_fit(changed, len(self.registered()))
            self.pending = changed
        return self._tell("TermsSet", values)

    def _extend(self, sender: str, rounds: int) -> Event:
        self._require_owner(sender)
        if rounds <= self.terms.rounds:
            _refuse("NotLonger", rounds, self.terms.rounds)
        was_complete = self.complete()
        self.terms = replace(self.terms, rounds=rounds)
        if self.pending != NO_TERMS:
            self.pending = replace(self.pending, rounds=rounds)
        if was_complete:
            self._enforce_pending()
            self.members, self.opened_at = len(self.registered()), self.now
            self.final = self.final or len(self.agreeing) >= self.terms.finality
        return self._tell("Extended", rounds)

    def _reopen(self, sender: str, number: int) -> Event:
        self._require_owner(sender)
        if 1 <= number == self.number:
            self._open(number, self.final)
        elif 1 <= number == self.number - 1 and not self.final:
            del self.globals[number]
            self._open(number, True)
        else:
            _refuse("WrongRound", number, self.number)
        return self._tell("Reopened", number)

    def _require_owner(self, sender: str) -> None:
        if sender != self.owner:
            _refuse("NotOwner", sender, self.owner)

    def _require_node(self, node_id: int) -> Node:
        if self.node(node_id).account == NOBODY:
            _refuse("UnknownNode", node_id)
        return self.node(node_id)

    def _require_free(self, account: str) -> None:
        if account == NOBODY:
            _refuse("ZeroAccount")
        if self.node_of(account):
            _refuse("AccountTaken", account, self.node_of(account))

    def _require_fit(self, terms: Terms, nodes: int) -> None:
        if not terms.fit(nodes):
            _refuse("TermsDoNotFit", astuple(terms), nodes)

    def _tell(self, name: str, *values: Any) -> Event:
        """Fold what happened into the history."""
        types = FIELDS[name]
        topic = keccak(text=f"{name}({types},bytes32)")
        flat = ["bytes32", "bytes32", *_split(types)]
        self.history = keccak(encode(flat, [self.history, topic, *values]))
        return Event(name, (*values, self.history))

    # What the contract's views give.

    def view_state(self) -> dict[str, Any]:
        """Give what `state()` gives."""
        return {
            "number": self.number,
            "opening": self.opening,
            "members": self.members,
            "received": self.received(),
            "attested": len(self.agreeing),
            "openedAt": self.opened_at,
            "closableAt": self.closable_at,
            "finalized": self.final,
            "termsPending": self.pending != NO_TERMS,
        }

    def view_node(self, node_id: int) -> dict[str, Any]:
        """Give what `node(nodeId)` gives."""
        node = self.node(node_id)
        return {"account": node.account, "attested": node.attested, "replaced": node.replaced}

    def view_local_weight(self, node_id: int) -> dict[str, Any]:
        """Give what `getLocalWeight(nodeId)` gives."""
        known = {"nextBase": self.next_base(node_id), "since": self.node(node_id).since}
        return asdict(self.node(node_id).latest) | known

    def view_global_weight(self) -> tuple[int, bytes, bytes]:
        """Give what `getGlobalWeight()` gives."""
        if self.number == 0:
            _refuse("NotStarted")
        return (self.number - 1, *astuple(self.globals[self.number - 1]))


def _refuse(name: str, *values: Any) -> NoReturn:
    raise RefusedError(name, *values)


def _split(types: str) -> list[str]:
    return [_TERMS] if types == _TERMS else types.split(",")
