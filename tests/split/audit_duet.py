"""Both parties' epochs with real models, recorded on a chain, as an audit finds them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aggregator.shares import average_shares
from fl_node.split.audit.split import SplitAudit, audit_split
from fl_node.split.data_owner import DataOwner
from fl_node.split.draft import SplitDraft, draft_split
from fl_node.split.plan_file import parse_split_file
from fl_node.split.record.phase import Party
from fl_node.split.record.records import decode_records
from fl_node.split.record.schedule import Schedule
from fl_node.training.backend import start_backend
from fl_node.training.dataset import Dataset
from fl_node.training.models import build_model
from tests.split.audit_scene import Scene
from tests.split.cut_models import data_for, draft_of
from tests.split.duet import Duet

ROOT = Path(__file__).parents[2]
KEYS = {
    "name": "noisy",
    "model": "tests.split.cut_models:noisy",
    "data": "tests.split.cut_models:no_data",
    "loss": "sparse_categorical_crossentropy",
    "optimizer": {"name": "Adam", "learning_rate": 0.003},
    "batch_size": 8,
    "epochs": 2,
    "nodes": 1,
}
SAMPLES, TESTED = 43, 30


def draft(keys: Mapping[str, Any] | None = None, **split: Any) -> SplitDraft:
    """Cut a model with statistics and seeds on both sides."""
    start_backend()
    table = {"cut_after": "drop_low", "snapshot_steps": 2, "retention": "all"} | split
    return draft_split(parse_split_file({**KEYS, **(keys or {}), "split": table}, ROOT, {}))


class Played:
    """A recorded session: :class:`Scene` for chain and store, :class:`Duet` for the parties."""

    def __init__(self, folder: Path, drafted: SplitDraft, epochs: int = 2) -> None:
        self.draft = drafted
        whole = build_model(draft_of("noisy").plan)
        self.data, self.test = data_for(whole, SAMPLES), data_for(whole, TESTED)
        self.scene = Scene(folder, drafted.plan)
        self.duet = Duet(
            self._played_in(), drafted, self.data, self.test, session=self.scene.session
        )
        self.duet.root = self.scene.session
        self.duet.keys = self.scene.keys
        drafted.upper.save(self.scene.home(Party.PROVIDER), drafted.plan.cid)
        for _ in range(epochs):
            self.live()

    def audit(self, **settings: Any) -> SplitAudit:
        """Audit with what both disclose, the data owner's data included."""
        homes = [self.scene.home(party) for party in Party]
        known = {
            "data_owner": self.data_owner,
            "tolerance": 0.0,
            "average": average_shares,
        } | settings
        return audit_split(self.scene.opened(), homes, lambda _: None, **known)

    def data_owner(self, node: int) -> DataOwner:
        """Build the node's parts with its data."""
        return self.data_owner_with(self.data)(node)

    def data_owner_with(self, data: Dataset) -> Callable[[int], DataOwner]:
        """Give what builds the node's parts with other data to train on."""
        return lambda node: DataOwner(self.draft.plan, node, self.draft.initial, data, self.test)

    def _played_in(self) -> Path:
        folder = self.scene.folder / "played"
        folder.mkdir()
        for party in Party:
            (folder / party.value).symlink_to(self.scene.contract_folder(party))
        return folder

    def live(self) -> None:
        """Let both train the next epoch, and record it."""
        epoch = len(self.scene.seeds)
        self.duet.play(epoch)
        content = b"".join(self.duet.leaves[Party.NODE])
        schedule = Schedule(self.draft.plan.is_u_shaped, -(-SAMPLES // 8), 1)
        self.scene.schedule = schedule
        history = self.scene.history()
        for signed in decode_records(content, self.scene.session, epoch):
            history.add(signed)
        self.scene.record(history)
