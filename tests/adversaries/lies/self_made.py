"""A liar: the product's own parts, opened as a member opens them."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from fl_node.chain import transact
from fl_node.chain.accounts import Signer
from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.timeline import Timeline, read_timeline
from fl_node.config import Settings, load_settings
from fl_node.connect import open_chain, open_signer, open_store
from fl_node.federation import Federation, open_federation
from fl_node.store.store import Store
from tests.adversaries.lies.patience import seen


@dataclass(frozen=True)
class Liar:
    """Who lies.

    :ivar node: 0 when it is none
    """

    home: Path
    address: str
    node: int

    @cached_property
    def settings(self) -> Settings:
        return replace(load_settings(self.home, environment={}), federation=self.address)

    @cached_property
    def signer(self) -> Signer:
        return open_signer(self.home, self.settings)

    @cached_property
    def ledger(self) -> EthereumLedger:
        return EthereumLedger(open_chain(self.home, self.settings), self.address, self.signer)

    @cached_property
    def store(self) -> Store:
        return open_store(self.home, self.settings)

    @cached_property
    def federation(self) -> Federation:
        return open_federation(self.ledger, self.store)

    @property
    def timeline(self) -> Timeline:
        return read_timeline(self.ledger)[1]

    def wait_for_round(self, number: int) -> None:
        seen(lambda: True if self.timeline.open_number >= number else None)


def never_asks_before() -> None:
    """Send what the contract is going to refuse; the product tries a call before."""
    transact._require_accepted = lambda *_: None
