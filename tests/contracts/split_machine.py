"""The rules of split learning's stateful test: what everybody may do next, at telling moments."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fl_node.chain.epoch_signature import record_values
from fl_node.chain.epochs import EVERYONE, Mark, Side
from tests.contracts.drawn import mostly
from tests.contracts.split_reference import SplitReference
from tests.contracts.split_sandbox import (
    CHECKPOINT,
    NOBODY,
    OWNER,
    PROVIDER,
    STRANGER,
    address,
    digest,
    record,
)
from tests.contracts.split_twin import SplitTwin
from tests.contracts.spoken import Event, RefusedError

ROLES = ("provider", "spare provider", *(f"node {number}" for number in range(1, 6)))
BY_ADDRESS = {address(role): role for role in ROLES}
NODES = st.sampled_from([1, 1, 1, 2, 2, 3])
SITUATIONS = frozenset(
    {
        "a node registered",
        "a node registered again",
        "a node registered again under another account",
        "a node removed with a mark",
        "the provider changed",
        "the provider changed back",
        "the provider announced",
        "a node announced",
        "a node announced again",
        "an epoch recorded",
        "the last epoch recorded",
        "an epoch recorded that one side had recorded alone",
        "an epoch recorded that was disputed",
        "an epoch recorded after a key changed",
        "one-sided by the provider",
        "one-sided by the node",
        "disputed by the provider",
        "disputed by the node",
        "disputed by the provider after it was one-sided",
        "disputed by the node after it was one-sided",
        "both sides recorded alone",
        "one-sided at the deadline to the second",
        "handed on after the last record",
        "handed on after an earlier one",
        "handed on to every other node",
    }
)


F = TypeVar("F", bound=Callable[..., None])
STEPS: dict[str, st.SearchStrategy[dict[str, Any]]] = {}

# What parties do is drawn twice as often as what the owner does.
PARTIES_STEPS = ["announce", "record", "record_alone", "hand_on"]


def step(**values: st.SearchStrategy[Any]) -> Callable[[F], F]:
    """Make a method a step: what is drawn for it."""

    def register(method: F) -> F:
        STEPS[method.__name__] = st.fixed_dictionaries(values)
        return method

    return register


class SplitMachine(RuleBasedStateMachine):
    """Whatever owner, provider, nodes and strangers do, in any order.

    :cvar reached: how often what has happened
    """

    reached: ClassVar[Counter[str]] = Counter()

    @initialize(
        epochs=st.sampled_from([2, 3, 30]),
        nodes=st.sampled_from([2, 3, 1, 0]),
        here=mostly(True, False),
        played=st.sampled_from([2, 1, 0]),
    )
    def create(self, epochs: int, nodes: int, here: bool, played: int) -> None:
        self.twin = SplitTwin(epochs=epochs, deadlineSeconds=20)
        self.accounts: dict[int, set[str]] = {}
        self.providers = {PROVIDER}
        for node in range(1, nodes + 1):
            self.register(OWNER, node, address(f"node {node}"))
        for node in range(nodes + 1) if here else ():
            self.announce(node, None, 1, 0, 0)
        for _ in range(played):
            self.record(1, 0, None, None, "a")

    @property
    def model(self) -> SplitReference:
        return self.twin.reference

    def act(self, sender: str, function: str, *values: Any) -> Event | None:
        """Do it, whether it is refused or not, and count what happened."""
        try:
            return self.twin.act(sender, function, *values)
        except RefusedError as refused:
            self.reached[refused.name] += 1
            return None

    def saw(self, *situations: str) -> None:
        self.reached.update(situations)

    def account(self, node: int) -> str:
        """Give the account of a party; a stranger's for a node that is none."""
        if node == 0:
            return self.model.provider.account
        party = self.model.nodes.get(node)
        return party.account if party else STRANGER

    def signature(self, node: int, signs: str | None, *values: Any) -> bytes:
        """Sign as a party, or as another role."""
        role = signs or BY_ADDRESS.get(self.account(node), "spare provider")
        return self.twin.sign(role, record(*values))

    # One rule for all steps: Hypothesis leaves half of the rules out of each run.
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([*STEPS, *PARTIES_STEPS]), label="step")
        getattr(self, name)(**data.draw(STEPS[name], label="with"))

    @invariant()
    def both_hold_the_same(self) -> None:
        self.twin.compare()

    def teardown(self) -> None:
        if hasattr(self, "twin"):
            self.twin.compare_timeline()

    # The owner.

    @step(
        sender=mostly(OWNER, STRANGER),
        node=st.sampled_from([1, 2, 3, 3, 0]),
        account=st.sampled_from([*map(address, ROLES), NOBODY]),
    )
    def register(self, sender: str, node: int, account: str) -> None:
        before = self.accounts.get(node, set())
        if self.act(sender, "registerNode", node, account):
            another = before and account not in before
            self.saw("a node registered" + (" again" if before else ""))
            self.saw(*(["a node registered again under another account"] if another else []))
            self.accounts[node] = before | {account}

    @step(
        sender=mostly(OWNER, PROVIDER), node=st.sampled_from([1, 2, 3, 3, 3, 0]), soon=mostly(0, 1)
    )
    def remove(self, sender: str, node: int, soon: int) -> None:
        marked = any(self.model.log(node).mark(side) for side in Side)
        if self.act(sender, "removeNode", node):
            self.saw(*(["a node removed with a mark"] if marked else []))
            if not soon:
                self.register(OWNER, node, address(f"node {node + 2 * (node < 3)}"))

    @step(
        sender=mostly(OWNER, PROVIDER),
        account=st.sampled_from([*map(address, ROLES[:2]), address("node 1"), NOBODY]),
    )
    def set_provider(self, sender: str, account: str) -> None:
        if self.act(sender, "setProvider", account):
            back = account in self.providers
            self.saw("the provider changed" + (" back" if back else ""))
            self.providers.add(account)

    # The parties.

    @step(
        node=st.sampled_from([0, 1, 2, 3]),
        sender=mostly(None, STRANGER, PROVIDER, address("node 1")),
        ahead=mostly(5, 0, 1),
        certificate=mostly(3, 0, 2048, 2049),
        endpoint=mostly(9, 0, 255, 256),
    )
    def announce(
        self, node: int, sender: str | None, ahead: int, certificate: int, endpoint: int
    ) -> None:
        again = node in self.model.nodes and self.model.since(node) != 0
        said = (b"K" * 32, b"c" * certificate, b"e" * endpoint, self.twin.now + ahead)
        if self.act(sender or self.account(node), "announce", node, *said):
            who = "a node announced" if node else "the provider announced"
            self.saw(who + (" again" if again else ""))

    @step(
        node=NODES,
        ahead=mostly(0, -1, 1),
        node_signs=mostly(None, *ROLES),
        provider_signs=mostly(None, *ROLES),
        text=st.sampled_from("ab"),
    )
    def record(
        self,
        node: int,
        ahead: int,
        node_signs: str | None,
        provider_signs: str | None,
        text: str,
    ) -> None:
        log = self.model.log(node)
        epoch, marks = max(0, log.next_epoch + ahead), [log.mark(side) for side in Side]
        values = (node, epoch, text)
        signatures = (
            self.signature(node, node_signs, *values),
            self.signature(0, provider_signs, *values),
        )
        if self.act(STRANGER, "recordEpoch", record_values(record(*values)), *signatures):
            self.saw(*self.recorded(node, epoch, marks))

    def recorded(self, node: int, epoch: int, marks: list[Mark]) -> Iterator[str]:
        yield "an epoch recorded"
        if epoch == self.model.epochs:
            yield "the last epoch recorded"
        if Mark.ONE_SIDED in marks:
            yield "an epoch recorded that one side had recorded alone"
        if Mark.DISPUTED in marks:
            yield "an epoch recorded that was disputed"
        if len(self.accounts[node]) > 1 or len(self.providers) > 1:
            yield "an epoch recorded after a key changed"

    @step(
        node=NODES,
        side=st.sampled_from(Side),
        sender=mostly(None, *map(address, ROLES)),
        ahead=mostly(0, -1, 1),
        difference=st.sampled_from([0, 0, 0, 1, 2**32 - 1]),
        wait=st.sampled_from([None, 0, 0, -1]),
        then=st.sampled_from([1, "both sign", 1, "both sign", 0, None]),
    )
    def record_alone(
        self,
        node: int,
        side: Side,
        sender: str | None,
        ahead: int,
        difference: int,
        wait: int | None,
        then: int | str | None,
    ) -> None:
        if wait is not None:
            self.twin.now = max(self.twin.now, self.model.deadline(node) + wait)
        by = sender or self.account(node if side is Side.NODE else 0)
        epoch = max(0, self.model.log(node).next_epoch + ahead)
        said = (9, digest("root"), digest("records"), CHECKPOINT, difference)
        marks = {each: self.model.log(node).mark(each) for each in Side}
        event = self.act(by, "recordAlone", node, epoch, *said)
        if event:
            self.saw(*self.said_alone(node, event, marks[event["side"]]))
            if then == "both sign":
                self.record(node, 0, None, None, "a")
            elif isinstance(then, int):
                self.record_alone(node, side, by, 0, then, None, None)

    def said_alone(self, node: int, event: Event, before: Mark) -> Iterator[str]:
        kind = "disputed" if event["firstDifference"] else "one-sided"
        what = f"{kind} by the {'provider' if event['side'] == Side.PROVIDER else 'node'}"
        yield what
        if before is Mark.ONE_SIDED:
            yield f"{what} after it was one-sided"
        if all(self.model.log(node).mark(side) for side in Side):
            yield "both sides recorded alone"
        if kind == "one-sided" and self.twin.now == self.model.deadline(node):
            yield "one-sided at the deadline to the second"

    @step(
        place=st.integers(0, 5),
        to_node=st.sampled_from([None, None, None, EVERYONE, 1, 2, 3]),
        back=st.sampled_from([0, 1, 1, -1]),
        own=mostly(True, False),
    )
    def hand_on(self, place: int, to_node: int | None, back: int, own: bool) -> None:
        known = [node for node, log in self.model.logs.items() if log.recorded] or [1]
        from_node = known[place % len(known)]
        others = [node for node in self.model.nodes if node != from_node] or [from_node]
        to_node = others[place % len(others)] if to_node is None else to_node
        epochs = len(self.model.log(from_node).recorded)
        epoch = max(0, epochs - back)
        by = self.account(from_node) if own else PROVIDER
        if self.act(by, "handOn", from_node, to_node, epoch, digest("weights")):
            what = "the last record" if epoch == epochs else "an earlier one"
            self.saw(f"handed on after {what}")
            if to_node == EVERYONE:
                self.saw("handed on to every other node")

    @step(seconds=st.sampled_from([1, 10, 19, 20]))
    def wait(self, seconds: int) -> None:
        self.twin.now += seconds
