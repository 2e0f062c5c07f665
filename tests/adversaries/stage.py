"""Accounts, homes and funds for whoever plays on the devnet."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import cast

from fl_node.chain.accounts import Signer, new_account, new_password
from fl_node.chain.transact import transact
from fl_node.chain.transaction import Call
from fl_node.chain.transfer import TRANSFER_GAS
from fl_node.config import load_settings, save_settings
from fl_node.connect import open_chain, open_signer
from tests.devnet.story import HEADER

_FUNDS_WEI = 10**18
_KEYSTORE, _PASSWORD = "key.json", "password"


@dataclass(frozen=True)
class Actor:
    """Somebody with an account of their own.

    :ivar home: a folder with settings and keys, beside none of the network's
    """

    name: str
    home: Path
    account: str

    def signer(self) -> Signer:
        return open_signer(self.home, load_settings(self.home, environment={}))


@dataclass(frozen=True)
class _Payment:
    """Ether to an account: all of a scene's in one block."""

    to: str

    def build_transaction(self, fields):
        return fields | {"to": self.to, "value": _FUNDS_WEI, "data": b""}


@dataclass
class Stage:
    """A devnet and a folder for all who play on it."""

    devnet: Path
    folder: Path
    _bank: Lock = field(default_factory=Lock)

    def hire(self, scene: str, hosts: Mapping[str, str]) -> dict[str, Actor]:
        """Give each name an account with funds.

        :param hosts: name to the host whose daemons it uses
        """
        actors = {name: self._actor(scene, name, host) for name, host in hosts.items()}
        self._pay([actor.account for actor in actors.values()])
        return actors

    def _actor(self, scene: str, name: str, host: str) -> Actor:
        home = self.folder / scene / name
        home.mkdir(parents=True)
        account = new_account(home / _KEYSTORE, new_password(home / _PASSWORD), light=True)
        of_host = load_settings(self.devnet / host, environment={})
        own = {"keystore": _KEYSTORE, "owner_keystore": _KEYSTORE, "password_file": _PASSWORD}
        save_settings(home, replace(of_host, federation="", plan="", **own))
        return Actor(name, home, account)

    def _pay(self, accounts: list[str]) -> None:
        home = self.devnet / HEADER
        settings = load_settings(home, environment={})
        payments = [cast("Call", _Payment(account)) for account in accounts]
        with self._bank:
            rich = open_signer(home, settings, "owner_keystore")
            transact(open_chain(home, settings), rich, payments, TRANSFER_GAS)
