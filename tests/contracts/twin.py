"""The contract with the reference beside it: whatever is done is done to both, and compared."""

from dataclasses import asdict
from typing import Any

from tests.contracts.evm import Evm
from tests.contracts.reference import Reference, Terms
from tests.contracts.sandbox import HEADER, INITIAL, OWNER, TERMS, Sandbox
from tests.contracts.spoken import START, Event, RefusedError


class Twin(Sandbox):
    """A sandbox that fails as soon as contract and reference differ in word or state.

    :ivar watchful: whether states are compared after every call
    """

    def __init__(self, evm: Evm | None = None, now: int = START, **terms: int) -> None:
        super().__init__(evm, now, **terms)
        self.named: set[str] = set()
        self.watchful = True
        given = Terms(**(TERMS | terms))
        self.reference = Reference(self.created["history"], OWNER, HEADER, INITIAL, given, self.now)

    def act(self, sender: str, function: str, *values: Any) -> Event:
        """Send a call to both, compare what they say, and say it."""
        self.reference.now = self.now
        self.named.update(value for value in (sender, *values) if isinstance(value, str))
        expected = _outcome(self.reference, sender, function, values)
        found = _outcome(super(), sender, function, values)
        assert found == expected, (sender, function, values, found, expected)
        if isinstance(expected, RefusedError):  # the EVM has undone what the call did
            raise expected
        if self.watchful:
            self.compare()
        return expected

    def compare(self) -> None:
        """Compare every view, for every node and account that has been named."""
        reference, look = self.reference, self.look
        assert look("state") == reference.view_state()
        assert look("history") == reference.history
        assert look("terms") == asdict(reference.terms)
        assert look("pendingTerms") == asdict(reference.pending)
        assert look("header") == reference.header
        assert look("registered") == len(reference.registered())
        if reference.number:
            assert look("getGlobalWeight") == reference.view_global_weight()
        for node in list(reference.nodes):
            assert look("node", node) == reference.view_node(node)
            assert look("getLocalWeight", node) == reference.view_local_weight(node)
        for person in self.named:
            assert look("nodeOf", person) == reference.node_of(person)


def _outcome(
    side: Any, sender: str, function: str, values: tuple[Any, ...]
) -> Event | RefusedError:
    try:
        event: Event = side.act(sender, function, *values)
    except RefusedError as refused:
        return refused
    return event
