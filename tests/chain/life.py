"""What can happen to a federation, one call each, and what its timeline must then agree with."""

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, field, replace

from web3.contract import Contract

from fl_node.chain.artifact import federation_artifact
from fl_node.chain.embedded import EmbeddedChain, embedded_account
from fl_node.chain.ethereum import EthereumLedger, deploy_contract
from fl_node.chain.ledger import Ledger, Snapshot
from fl_node.chain.timeline import Timeline, read_timeline, timeline_of
from fl_node.cid import Cid
from fl_node.errors import RevertedError
from fl_node.rounds import Reason, Terms, Update

NODES = range(1, 5)
ACCOUNTS = ("header", "spare", *(f"node {node}" for node in NODES))
PLAN, INITIAL = Cid(b"p" * 32), Cid(b"0" * 32)
TERMS = Terms(
    target=2, quorum=1, round_seconds=1000, grace_seconds=100, max_staleness=1, finality=1, rounds=3
)
OTHER_TERMS = (
    replace(TERMS, target=1, finality=0),
    replace(TERMS, target=0, finality=0),
    replace(TERMS, target=3, quorum=2, max_staleness=0, finality=2),
)


def address(role: str) -> str:
    return embedded_account(role).address


@dataclass
class Life:
    """A federation whose members act blindly: what the contract refuses does not happen.

    :ivar counter: makes every digest another
    """

    chain: EmbeddedChain
    federation: str
    counter: int = 0
    refused: str = ""
    ledgers: dict[str, Ledger] = field(default_factory=dict)

    def as_(self, role: str) -> Ledger:
        if role not in self.ledgers:
            account = embedded_account(role)
            self.ledgers[role] = EthereumLedger(self.chain, self.federation, account)
        return self.ledgers[role]

    @property
    def timeline(self) -> Timeline:
        return timeline_of(self.as_("owner").events())

    @property
    def open_number(self) -> int:
        return self.timeline.open_number

    def fresh(self) -> Cid:
        self.counter += 1
        return Cid(self.counter.to_bytes(32, "big"))

    def attempt(self, act: Callable[[], None]) -> None:
        self.refused = ""
        try:
            act()
        except RevertedError as error:
            self.refused = error.name

    def account_of(self, node: int) -> Ledger:
        account = self.timeline.members.get(node)
        roles = [role for role in ACCOUNTS if address(role) == account]
        return self.as_(roles[0] if roles else "spare")

    # What may happen; each is tried.

    def start(self) -> None:
        owner, history = self.as_("owner"), self.timeline.history
        self.attempt(lambda: owner.set_global_weight(0, INITIAL, None, history))

    def submit(self, node: int, age: int = 0) -> None:
        number = self.open_number
        base = max(0, number - 1 - age)
        update = Update(node, number, base, self.fresh(), 10 * node)
        self.attempt(lambda: self.account_of(node).set_local_weight(update))

    def reject(self, node: int) -> None:
        header, log, number = self.as_("header"), self.timeline.open_round, self.open_number
        standing = log.updates.get(node) if log else None
        weights = standing.weights if standing else self.fresh()
        self.attempt(lambda: header.reject_local_weight(node, number, weights, Reason.NOT_FINITE))

    def close(self) -> None:
        header, number = self.as_("header"), self.open_number
        history = self.timeline.history
        model, report = self.fresh(), self.fresh() if number % 2 else None
        self.attempt(lambda: header.set_global_weight(number, model, report, history))

    def replace_global(self, node: int) -> None:
        """After the grace, another global over the same updates."""
        self.wait(TERMS.grace_seconds)
        ledger, number = self.account_of(node), self.open_number - 1
        history, model = self.timeline.history, self.fresh()
        self.attempt(lambda: ledger.set_global_weight(number, model, None, history))

    def attest(self, node: int, agrees: bool = True) -> None:
        ledger, timeline = self.account_of(node), self.timeline
        number = max(0, timeline.open_number - 1)
        weights = timeline.model(number).weights if agrees else self.fresh()
        self.attempt(lambda: ledger.attest(node, number, weights, timeline.history))

    def register(self, node: int, role: str = "") -> None:
        account = address(role or f"node {node}")
        self.attempt(lambda: self.as_("owner").register_node(node, account))

    def replace(self, node: int, role: str = "spare") -> None:
        self.attempt(lambda: self.as_("owner").replace_node(node, address(role)))

    def remove(self, node: int) -> None:
        self.attempt(lambda: self.as_("owner").remove_node(node))

    def set_header(self, role: str = "header") -> None:
        self.attempt(lambda: self.as_("owner").set_header(address(role)))

    def set_terms(self, number: int = 0) -> None:
        terms = replace(OTHER_TERMS[number], rounds=self.timeline.terms.rounds)
        self.attempt(lambda: self.as_("owner").set_terms(terms))

    def extend(self) -> None:
        owner, rounds = self.as_("owner"), self.timeline.terms.rounds + 1
        self.attempt(lambda: owner.extend(rounds))

    def reopen(self, back: int = 0) -> None:
        number = max(0, self.open_number - back)
        self.attempt(lambda: self.as_("owner").reopen(number))

    def wait(self, seconds: int = TERMS.round_seconds) -> None:
        self.chain.set_time(int(self.chain.now()) + seconds)


def born(terms: Terms = TERMS, nodes: int = 0) -> Life:
    """A contract, just deployed; started if it is given nodes."""
    funded = [address(role) for role in ("owner", *ACCOUNTS)]
    chain = EmbeddedChain(funded, 1_700_000_000, lambda: 0)
    owner = embedded_account("owner")
    federation = deploy_contract(chain, owner, PLAN, INITIAL, address("header"), terms)
    life = Life(chain, federation)
    for node in range(1, nodes + 1):
        life.register(node)
    if nodes:
        life.start()
    return life


def assert_agreement(life: Life) -> None:
    """The folded events say what the contract says."""
    ledger, contract = life.as_("owner"), _contract(life)
    snapshot, timeline = read_timeline(ledger)
    state = snapshot.round
    assert (timeline.plan, timeline.initial) == (ledger.plan(), INITIAL)
    assert (timeline.owner, timeline.header) == (ledger.owner(), snapshot.header)
    assert (timeline.open_number, timeline.opening) == (state.number, state.opening)
    assert (timeline.terms, timeline.history) == (snapshot.terms, snapshot.history)
    assert timeline.pending_terms == _pending_terms(contract, snapshot)
    assert timeline.complete == (state.number > snapshot.terms.rounds)
    assert timeline.members == dict(_accounts(contract))
    standing = {node: ledger.local_weight(node) for node in NODES}
    updates = {node: update for node, update in standing.items() if update}
    assert (timeline.open_round.updates if timeline.open_round else {}) == updates
    if state.number:
        _assert_the_round_agrees(snapshot, timeline)


def _assert_the_round_agrees(snapshot: Snapshot, timeline: Timeline) -> None:
    state, log = snapshot.round, timeline.open_round
    assert log is not None
    assert timeline.model(state.number - 1) == snapshot.latest
    assert (len(log.members), len(log.updates)) == (state.members, state.received)
    assert replace(log.terms, rounds=0) == replace(snapshot.terms, rounds=0)
    assert log.opened_at == state.opened_at
    before = timeline.rounds.get(state.number - 1)
    words = before.attestations if before else ()
    counting = [word for word in words if word.agrees and word.opening == timeline.opening]
    assert len(counting) == state.attested


def _contract(life: Life) -> Contract:
    abi = federation_artifact().abi
    return life.chain.web3.eth.contract(address=life.federation, abi=abi)


def _accounts(contract: Contract) -> Iterator[tuple[int, str]]:
    """Whoever is registered, as the contract has it."""
    for node in NODES:
        account = contract.functions.node(node).call()[0]
        if int(account, 16):
            yield node, account


def _pending_terms(contract: Contract, snapshot: Snapshot) -> Terms:
    """The terms of the next opening, as the contract has them."""
    pending = Terms(*contract.functions.pendingTerms().call())
    return pending if any(astuple(pending)) else snapshot.terms
