"""One federation as a node sees it: its ledger, its store, and the plan they lead to."""

from dataclasses import dataclass
from functools import cached_property

from fl_node.chain.ledger import Ledger
from fl_node.cid import Cid
from fl_node.plan import Plan
from fl_node.store.store import Store
from fl_node.weights import MAX_HEADER_BYTES, Weights, encode_header

# Of a plan, and of a report on some 10,000 nodes. Read, JSON may take ten times as much.
MAX_PLAN_BYTES = 3 * 1024 * 1024
MAX_INITIAL_BYTES = 16 * 1024**3  # nothing is known of the model before its initial weights
_FIRST_FETCH_TIMEOUT_SECONDS = 60
_METADATA_BYTES = 64 * 1024
_STATES = 4  # a strategy's state holds that many values for each of the model's, or less


@dataclass(frozen=True)
class Federation:
    """A ledger and a store that belong together, and what every member reads first.

    :ivar initial: global 0; every update has its names, dtypes and shapes
    """

    ledger: Ledger
    store: Store
    plan: Plan
    initial: Weights

    def weights(self, cid: Cid) -> Weights:
        """Fetch a global, or a strategy's state.

        :raises StoreError: when the bytes cannot be had, are others, or too many for either
        :raises WeightsError: when they are no canonical weights file
        """
        header = self._most_header_bytes
        path = self.store.fetch(
            cid,
            max_bytes=header + _STATES * self.initial.nbytes,
            timeout_seconds=self.plan.fetch_timeout_seconds,
        )
        return Weights.read(path, max_header_bytes=min(header, MAX_HEADER_BYTES))

    @cached_property
    def _most_header_bytes(self) -> int:
        return _STATES * len(encode_header(self.initial.specs, {})) + _METADATA_BYTES

    def small(self, cid: Cid) -> bytes:
        """Fetch a report or another small file.

        :raises StoreError: when the bytes cannot be had, or are others, or too many
        """
        return self.store.read(
            cid, max_bytes=MAX_PLAN_BYTES, timeout_seconds=self.plan.fetch_timeout_seconds
        )


def open_federation(ledger: Ledger, store: Store) -> Federation:
    """Read a federation's plan and initial weights; its address is all one needs to know.

    :raises PlanError: when what the chain names is no plan
    """
    content = store.read(
        ledger.plan(), max_bytes=MAX_PLAN_BYTES, timeout_seconds=_FIRST_FETCH_TIMEOUT_SECONDS
    )
    plan = Plan.decode(content)
    path = store.fetch(
        plan.initial,
        max_bytes=MAX_INITIAL_BYTES,
        timeout_seconds=plan.fetch_timeout_seconds,
    )
    return Federation(ledger, store, plan, Weights.read(path))
