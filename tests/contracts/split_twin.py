"""The contract of split learning with the reference beside it: both do what is done, compared."""

from typing import Any

from fl_node.chain.epochs import Mark, Side
from fl_node.chain.history import first_session_break
from fl_node.chain.ledger import LedgerEvent
from fl_node.chain.session_timeline import SessionLog, session_timeline_of
from tests.contracts.evm import CHAIN_ID, Evm
from tests.contracts.split_reference import SplitReference
from tests.contracts.split_sandbox import NOBODY, OWNER, PROVIDER, TERMS, SplitSandbox
from tests.contracts.spoken import START, Event, RefusedError


class SplitTwin(SplitSandbox):
    """A sandbox that fails as soon as contract and reference differ in word or state."""

    def __init__(self, evm: Evm | None = None, now: int = START, **terms: int) -> None:
        super().__init__(evm, now, **terms)
        epochs, deadline_seconds = (TERMS | terms).values()
        self.named: set[str] = set()
        self.events = [self._logged(self.created)]
        self.reference = SplitReference(
            self.created["history"], self.address, OWNER, PROVIDER, (epochs, deadline_seconds)
        )

    def act(self, sender: str, function: str, *values: Any) -> Event:
        """Send a call to both, compare what they say, and say it."""
        self.reference.now = self.now
        self.named.update(value for value in (sender, *values) if isinstance(value, str))
        expected = _outcome(self.reference, sender, function, values)
        found = _outcome(super(), sender, function, values)
        assert found == expected, (sender, function, values, found, expected)
        if isinstance(expected, RefusedError):  # the EVM has undone what the call did
            raise expected
        self.events.append(self._logged(found))
        self.compare()
        return expected

    def compare(self) -> None:
        """Compare every view, for every node and account that has been named."""
        reference, look = self.reference, self.look
        assert look("history") == reference.history
        assert look("provider") == reference.provider.account
        assert look("providerSince") == (reference.provider.seen or 0)
        for node in {*reference.nodes, *reference.logs}:
            assert look("session", node) == reference.view_session(node)
        for person in self.named:
            assert look("nodeOf", person) == reference.node_of(person)

    def compare_timeline(self) -> None:
        """Fold the contract's events, and compare what they tell with what the reference holds."""
        reference, found = self.reference, session_timeline_of(self.events)
        assert first_session_break(self.events, CHAIN_ID, self.address) is None
        assert (found.history, found.provider) == (reference.history, reference.provider.account)
        assert set(reference.nodes) <= set(found.sessions)
        for node, log in found.sessions.items():
            assert _told(log) == [
                reference.view_session(node)[name]
                for name in ("account", "epochs", "byProvider", "byNode")
            ]

    def _logged(self, event: Event) -> LedgerEvent:
        fields = self.interface.event_fields(event.name)
        return LedgerEvent(event.name, dict(zip(fields, event.values, strict=True)), 1, self.now)


def _told(log: SessionLog) -> list[object]:
    marks = {
        each.side: Mark.DISPUTED if each.record.disputes else Mark.ONE_SIDED
        for each in log.standing
    }
    return [log.account or NOBODY, len(log.epochs), *(marks.get(side, Mark.NONE) for side in Side)]


def _outcome(
    side: Any, sender: str, function: str, values: tuple[Any, ...]
) -> Event | RefusedError:
    try:
        event: Event = side.act(sender, function, *values)
    except RefusedError as refused:
        return refused
    return event
