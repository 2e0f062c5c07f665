"""A host that is examined: everything about it is opened once, when a question needs it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fl_node.chain.accounts import address_of
from fl_node.chain.connection import Connection
from fl_node.chain.ethereum import EthereumLedger, checksum_address
from fl_node.chain.ledger import Ledger
from fl_node.chain.vitals import Vitals
from fl_node.config import FILE_NAME, Settings, load_settings
from fl_node.connect import EMBEDDED, IPFS, open_chain, open_store
from fl_node.errors import SettingsError
from fl_node.federation import Federation, open_federation
from fl_node.network.host import Host, Network, holds_network, load_network
from fl_node.network.machine import own_host
from fl_node.network.membership import on_one_machine
from fl_node.store.ipfs import IpfsStore
from fl_node.store.kubo import Kubo, Peer
from fl_node.store.kubo_api import KuboApi
from fl_node.store.store import Store


@dataclass(frozen=True)
class Patient:
    """A host's folder and settings, and what they lead to.

    :ivar home: the folder with ``flnode.toml``
    :ivar known: what a role has open already; opened anew where it is None
    """

    home: Path
    settings: Settings
    known: Federation | None = None

    @property
    def embedded(self) -> bool:
        """Whether the chain lives in this process."""
        return self.settings.chain.startswith(EMBEDDED)

    @property
    def signs(self) -> bool:
        """Whether it has an account of its own, as all have but those of an embedded run."""
        return bool(self.settings.keystore) or not self.embedded

    @property
    def in_network(self) -> bool:
        """Whether this is a host of a private network."""
        return holds_network(self.home)

    @cached_property
    def network(self) -> Network:
        """Give the private network that it is a host of."""
        return load_network(self.home)

    @cached_property
    def host(self) -> Host:
        """Give what the network says of this host."""
        return own_host(self.home)[1]

    @cached_property
    def neighbours(self) -> dict[str, Settings]:
        """Give the settings of the network's other hosts whose daemons are on this machine."""
        if not self.in_network or not on_one_machine(self.network):
            return {}
        folders = {
            host.name: self.home.resolve().parent / host.name
            for host in self.network.others(self.host.name)
        }
        return {
            name: load_settings(folder, environment={})
            for name, folder in folders.items()
            if (folder / FILE_NAME).is_file()
        }

    @cached_property
    def chain(self) -> Connection:
        """Give the connection to its chain."""
        return open_chain(self.home, self.settings)

    @property
    def vitals(self) -> Vitals:
        """Give what its chain's node says of itself."""
        return Vitals(self.chain)

    @cached_property
    def account(self) -> str:
        """Give the address that its keystore names; it is not opened.

        :raises SettingsError: when the settings name none
        """
        if not self.settings.keystore:
            raise SettingsError("setting 'keystore' is missing: flnode keys new FILE makes one")
        return checksum_address(address_of(self.home / self.settings.keystore))

    @cached_property
    def ledger(self) -> Ledger:
        """Give its federation's contract, for reading."""
        if self.known:
            return self.known.ledger
        return EthereumLedger(self.chain, self.settings.federation)

    @cached_property
    def federation(self) -> Federation:
        """Give its federation, with plan and initial weights."""
        return self.known or open_federation(self.ledger, self.store)

    @cached_property
    def store(self) -> Store:
        """Give its store."""
        return open_store(self.home, self.settings)

    @property
    def api(self) -> str:
        """Give the address of its Kubo daemon's API; empty when its store is none."""
        return api_of(self.settings)

    @cached_property
    def kubo(self) -> Kubo:
        """Give its Kubo daemon, which is asked once a question."""
        return Kubo(KuboApi(self.api, pauses_seconds=()))

    @cached_property
    def peers(self) -> tuple[Peer, ...]:
        """Give the nodes that its Kubo daemon is connected to."""
        return self.kubo.peers()


def api_of(settings: Settings) -> str:
    """Give the API's address in settings whose store is a Kubo daemon; empty otherwise."""
    found = settings.store.removeprefix(IPFS)
    return "" if found == settings.store else found


def store_apart(api: str, cache: Path) -> IpfsStore:
    """Give a Kubo daemon as a store without what its host has beside it."""
    return IpfsStore(api, cache, pauses_seconds=())
