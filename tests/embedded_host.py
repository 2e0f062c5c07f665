"""A host's folder over a small federation: settings, keystores, chain and store in one place."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from eth_account import Account

from fl_node.chain.accounts import new_password
from fl_node.chain.embedded import embedded_account
from fl_node.config import Settings, load_settings, save_settings
from tests.small_federation import SmallFederation, small_federation

GRAPH = {"class_name": "Sequential", "config": {"layers": [{"config": {"name": "pixels"}}]}}


@dataclass(frozen=True)
class EmbeddedHost:
    """A host that is a role of a small federation."""

    home: Path
    federation: SmallFederation

    @property
    def settings(self) -> Settings:
        return load_settings(self.home, environment={})

    def change(self, **settings: Any) -> None:
        save_settings(self.home, replace(self.settings, **settings))


def embedded_host(folder: Path, role: str = "node 1", nodes: int = 2) -> EmbeddedHost:
    """Make a federation, and the folder of one who takes part in it."""
    federation = small_federation(folder, nodes=nodes, model=GRAPH)
    keys = folder / "keys"
    keys.mkdir(mode=0o700)
    password = new_password(keys / "password")
    for name in (role, "owner"):
        write_keystore(keys / f"{name.replace(' ', '-')}.json", name, password)
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.savez(folder / "data.npz", x=rows, y=rows[:, :2])
    settings = Settings(
        "embedded:chain.jsonl",
        "directory:store",
        federation.address,
        plan=str(federation.ledger("owner").plan()),
        data="data.npz",
        keystore=f"keys/{role.replace(' ', '-')}.json",
        owner_keystore="keys/owner.json",
        password_file="keys/password",
    )
    save_settings(folder, settings)
    return EmbeddedHost(folder, federation)


def write_keystore(path: Path, role: str, password: str) -> None:
    """Write the keystore of a role's well-known key, quickly derived."""
    keystore = Account.encrypt(embedded_account(role).key, password, "scrypt", 2)
    path.write_text(json.dumps(keystore))
    path.chmod(0o600)
