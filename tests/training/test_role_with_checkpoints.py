"""A node's role keeps checkpoints in its folder while it trains, and leaves none behind."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from aggregator.console import RoleWatcher
from aggregator.roles import trainer_role
from fl_node.chain.accounts import new_password
from fl_node.chain.deploy import create_federation
from fl_node.chain.embedded import EmbeddedChain, embedded_account
from fl_node.config import Settings, save_settings
from fl_node.connect import open_store
from fl_node.patience import Patience
from tests.embedded_host import write_keystore
from tests.training.small_models import data_for, draft_of

KEPT = "checkpoint/node-1.safetensors"


class KilledError(BaseException):
    """Stands for the end of the process in the middle of an epoch."""


class Watching(RoleWatcher):
    """Says as the command does, notes the epochs, and may end the process in one."""

    def __init__(self, killed_in: int = 0) -> None:
        self.said = io.StringIO()
        super().__init__(Console(file=self.said, width=200))
        self.epochs: list[int] = []
        self._killed_in = killed_in

    def training(self, node: int, progress: Any) -> None:
        self.epochs.append(progress.epoch)
        if progress.epoch == self._killed_in:
            raise KilledError


@pytest.fixture
def host(tmp_path):
    """A node's folder; its account is no other test's, since accounts are locked."""
    draft = draft_of("dense", epochs=4)
    roles = [f"{role} in {tmp_path}" for role in ("owner", "header", "node")]
    owner, header, node = map(embedded_account, roles)
    funded = [each.address for each in (owner, header, node)]
    store = open_store(tmp_path, Settings("embedded:chain.jsonl", "directory:store"))
    store.put(draft.initial.pieces())
    ledger = create_federation(
        EmbeddedChain.create(tmp_path / "chain.jsonl", funded),
        owner,
        plan=store.put([draft.plan.encode()]),
        initial=draft.initial.cid(),
        header=header.address,
        nodes={1: node.address},
        terms=draft.terms,
    )
    (tmp_path / "keys").mkdir(mode=0o700)
    write_keystore(tmp_path / "keys/node.json", roles[2], new_password(tmp_path / "keys/password"))
    data = data_for(draft)
    np.savez(tmp_path / "data.npz", x=data.inputs[0], y=data.targets)
    settings = Settings(
        "embedded:chain.jsonl",
        "directory:store",
        ledger.federation,
        plan=str(draft.plan.cid),
        data="data.npz",
        keystore="keys/node.json",
        password_file="keys/password",
    )
    save_settings(tmp_path, settings)
    return tmp_path


def train(home: Path, watcher: Watching) -> list[Any]:
    with Patience(watcher.waits_for) as patience:
        with trainer_role(home, 1, patience, watcher) as role:
            role.run(once=True)
        return role.sent


def test_a_role_that_was_killed_goes_on_at_its_epoch_and_leaves_nothing_behind(host):
    undisturbed = shutil.copytree(host, host / "undisturbed")
    with pytest.raises(KilledError):
        train(host, Watching(killed_in=4))
    assert (host / KEPT).exists()
    after = Watching()
    sent = train(host, after)
    assert set(after.epochs) == {4}
    assert f"training goes on after epoch 3 of 4: {host / KEPT}\n" in after.said.getvalue()
    assert not (host / KEPT).parent.exists()
    whole = Watching()
    assert train(undisturbed, whole) == sent
    assert set(whole.epochs) == {1, 2, 3, 4}


def test_a_node_that_wants_no_checkpoints_begins_anew(host, monkeypatch):
    monkeypatch.setenv("FLNODE_CHECKPOINT_EPOCHS", "0")
    with pytest.raises(KilledError):
        train(host, Watching(killed_in=4))
    assert not (host / KEPT).parent.exists()
    after = Watching()
    train(host, after)
    assert set(after.epochs) == {1, 2, 3, 4}
