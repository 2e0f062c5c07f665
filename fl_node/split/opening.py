"""From a host's settings to split learning's contract, its store and its plan."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fl_node.chain.ethereum_session import EthereumSessionLedger
from fl_node.chain.session_ledger import SessionLedger
from fl_node.config import Settings
from fl_node.connect import open_chain, open_store
from fl_node.errors import NoFederationError, PlanError
from fl_node.federation import MAX_INITIAL_BYTES, MAX_PLAN_BYTES
from fl_node.split.plan import SplitPlan, is_split_plan
from fl_node.store.store import Store
from fl_node.training.data import Dataset, load_data, load_test_data
from fl_node.weights import Weights

if TYPE_CHECKING:
    from fl_node.chain.accounts import Signer

_FIRST_FETCH_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class OpenedSession:
    """Split learning as a member finds it."""

    ledger: SessionLedger
    store: Store
    plan: SplitPlan

    def data(self, home: Path, source: str, node: int) -> tuple[Dataset, Dataset | None]:
        """Load what a data owner trains on, and what it evaluates on if there is anything.

        :param source: as the settings of its host name it
        :raises DataError: when the data cannot be used
        """
        training = self.plan.training
        test = load_test_data(source, training, folder=home)
        return load_data(source, training, node, folder=home), test

    def initial(self) -> Weights:
        """Fetch the weights that a data owner starts from.

        :raises StoreError: when they cannot be had
        :raises WeightsError: when they are no canonical weights file
        """
        training = self.plan.training
        path = self.store.fetch(
            training.initial,
            max_bytes=MAX_INITIAL_BYTES,
            timeout_seconds=training.fetch_timeout_seconds,
        )
        return Weights.read(path)


def open_session(home: Path, settings: Settings, signer: "Signer | None" = None) -> OpenedSession:
    """Open the contract that the settings name.

    :raises PlanError: when it is not split learning's
    :raises FlnodeError: when settings, chain or store are not there or not whole
    """
    if not settings.federation:
        raise NoFederationError(
            f"{home} belongs to no split learning yet: flnode deploy PLAN.toml with a table "
            "[split] begins one"
        )
    ledger = EthereumSessionLedger(open_chain(home, settings), settings.federation, signer)
    store = open_store(home, settings)
    content = _plan_bytes(ledger, store)
    if not is_split_plan(content):
        raise PlanError(
            f"{ledger.contract} has no plan of split learning: in a federation the roles are "
            "flnode train and flnode aggregate"
        )
    return OpenedSession(ledger, store, SplitPlan.decode(content))


def names_split_learning(home: Path, settings: Settings) -> bool:
    """Tell whether the contract that the settings name is split learning's.

    :raises FlnodeError: when chain or store are not there
    """
    if not settings.federation:
        return False
    ledger = EthereumSessionLedger(open_chain(home, settings), settings.federation)
    return is_split_plan(_plan_bytes(ledger, open_store(home, settings)))


def _plan_bytes(ledger: SessionLedger, store: Store) -> bytes:
    return store.read(
        ledger.plan(), max_bytes=MAX_PLAN_BYTES, timeout_seconds=_FIRST_FETCH_TIMEOUT_SECONDS
    )
