"""Which stored files a federation's events lead to."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fl_node.chain.ledger import LedgerEvent
from fl_node.cid import Cid
from fl_node.errors import ReportError, StoreError
from fl_node.federation import MAX_PLAN_BYTES
from fl_node.plan import Plan
from fl_node.report import Report
from fl_node.store.store import Store

_TIMEOUT_SECONDS = 60


@dataclass
class Contents:
    """Files by what they are for; one may be for several things.

    :ivar small: plan and reports
    :ivar updates: every one that was sent
    :ivar models: initial weights, globals, strategies' states
    """

    small: set[Cid] = field(default_factory=set)
    updates: set[Cid] = field(default_factory=set)
    models: set[Cid] = field(default_factory=set)

    def all(self, light: bool) -> set[Cid]:
        """Give all that are in a bundle; a light one has no weights."""
        return self.small if light else self.small | self.updates | self.models


def contents_of(events: Iterable[LedgerEvent], store: Store) -> Contents:
    """Follow what events name, and what the reports name that the store has.

    :raises StoreUnreachableError: when the store does not answer
    """
    found = Contents()
    for event in events:
        if event.kind == "FederationCreated":
            found.small.add(Cid(event.values["plan"]))
            found.models.add(Cid(event.values["initial"]))
        elif event.kind == "LocalWeightSet":
            found.updates.add(Cid(event.values["weights"]))
        elif event.kind == "GlobalWeightSet":
            found.models.add(Cid(event.values["weights"]))
            _add_report(found, event.values["report"], store)
    return found


def plan_of(events: Iterable[LedgerEvent], store: Store) -> Plan:
    """Read the plan that a federation was created with.

    :raises StoreError: when the store has it not
    :raises PlanError: when it is none
    """
    first = next(iter(events))
    cid = Cid(first.values["plan"])
    content = store.read(cid, max_bytes=MAX_PLAN_BYTES, timeout_seconds=_TIMEOUT_SECONDS)
    return Plan.decode(content)


def _add_report(found: Contents, digest: bytes, store: Store) -> None:
    if not any(digest):
        return
    cid = Cid(digest)
    found.small.add(cid)
    if (state := _state(cid, store)) is not None:
        found.models.add(state)


def _state(report: Cid, store: Store) -> Cid | None:
    try:
        content = store.read(report, max_bytes=MAX_PLAN_BYTES, timeout_seconds=_TIMEOUT_SECONDS)
        return Report.decode(content).recomputable.state
    except (StoreError, ReportError):  # an audit says so
        return None
