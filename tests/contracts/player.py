"""A federation and its reference in the hands of a test that picks who does what, and when."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

from tests.contracts.reference import Reference
from tests.contracts.sandbox import HEADER, NOBODY, OWNER, STRANGER, account
from tests.contracts.situations import Before, situations
from tests.contracts.spoken import RefusedError
from tests.contracts.twin import Twin

NODES = range(1, 5)
ACCOUNTS = [account(number) for number in range(1, 8)]
PEOPLE = [*ACCOUNTS, HEADER, OWNER, STRANGER]
ODD = 14  # places from here on stand for ids that are none


class Player:
    """What the stateful test's steps have in common.

    :ivar seen: every history that there was, the newest last
    :cvar reached: how often what has happened
    """

    reached: ClassVar[Counter[str]] = Counter()
    twin: Twin
    seen: list[bytes]

    @property
    def model(self) -> Reference:
        """Give the reference."""
        return self.twin.reference

    def act(self, sender: str, function: str, *values: Any) -> None:
        """Do it, whether it is refused or not, and count what happened."""
        before = Before(self.model)
        try:
            event = self.twin.act(sender, function, *values)
        except RefusedError as refused:
            self.reached[refused.name] += 1
        else:
            self.seen.append(self.model.history)
            self.reached.update(situations(event, before, self.model))

    def node_at(self, place: int) -> int:
        """Give a registered node for most places, and ids that are none for the last two."""
        known = sorted(self.model.registered())
        return known[place % len(known)] if known and place < ODD else (0 if place == ODD else 5)

    def sender_at(self, place: int) -> int:
        """Give a node that has an update in the round, for most places and if there is one."""
        standing = [node for node in self.model.registered() if self.model.stands(node)]
        return standing[place % len(standing)] if standing and place < ODD else self.node_at(place)

    def free_id_at(self, place: int) -> int:
        """Give an id without account for most places, else one that is taken or cannot be."""
        free = [number for number in NODES if number not in self.model.registered()]
        return free[place % len(free)] if free and place < ODD - 1 else place % 4

    def free_account(self) -> str:
        """Give an account without node."""
        return next(person for person in ACCOUNTS if not self.model.node_of(person))

    def closer_at(self, place: int) -> str:
        """Give the header for negative places, else a node's account, or a stranger's."""
        return self.model.header if place < 0 else self.speaker(self.node_at(place))

    def speaker(self, node: int) -> str:
        """Give the node's account; the zero address itself never sends anything."""
        account = self.model.node(node).account
        return STRANGER if account == NOBODY else account

    def wait_until(self, moment: int) -> None:
        """Let time pass, never back."""
        self.twin.now = self.model.now = max(self.model.now, moment)

    def moment_at(self, place: int) -> int:
        """Give a second from now, one of the moments that lie ahead, or mostly the last of them."""
        later = sorted({moment for moment in self.telling_moments() if moment > self.model.now})
        return [self.model.now + 1, *later][min(place, len(later))]

    def telling_moments(self) -> Iterable[int]:
        """Give the last second before and the first at which a clock allows something."""
        grace = self.model.terms.graceSeconds
        since = self.model.closable_at or self.model.deadline()
        for moment in (self.model.deadline(), since + grace, self.model.opened_at + grace):
            yield from (moment - 1, moment)
