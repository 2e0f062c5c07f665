"""A good update, ways to spoil it, and a desk that judges it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aggregator.admission import Refusal, admit
from fl_node.cid import Cid
from fl_node.plan import Plan
from fl_node.rounds import Global, Update, global_metadata, update_metadata
from fl_node.store.directory import DirectoryStore
from fl_node.weights import Weights
from tests.vectors.golden import FEDERATION, golden_plan

CHAIN_ID = 1337
TENSORS = {
    "kernel": np.array([[1.0, -2.0], [0.5, 2**-149]], "<f4"),
    "bias": np.array([0.0, -0.0], "<f4"),
    "steps": np.array(5, "<i8"),
    "mask": np.array([True, False]),
}
INITIAL = Weights(TENSORS, global_metadata())
BASE = Weights(
    TENSORS | {"kernel": TENSORS["kernel"] + 1, "steps": np.array(6, "<i8")}, global_metadata()
)
BASE_CID = BASE.cid()
PLAN = replace(golden_plan(), max_samples=1000, max_delta_norm="2.5")


@dataclass(frozen=True)
class Desk:
    """Where updates come in: a store with the chain's record of node 7's update for round 4."""

    store: DirectoryStore

    def judge(self, weights: Cid, plan: Plan = PLAN, **record: int) -> Weights | Refusal:
        said = {"node": 7, "round": 4, "base": 2, "samples": 30} | record
        return admit(
            Update(weights=weights, **said),
            store=self.store,
            plan=plan,
            initial=INITIAL,
            base=BASE,
            base_cid=BASE_CID,
            chain_id=CHAIN_ID,
            federation=FEDERATION,
        )

    def send(self, content: bytes, plan: Plan = PLAN, **record: int) -> Weights | Refusal:
        return self.judge(self.store.put([content]), plan, **record)


def metadata(**changes: Any) -> dict[str, Any]:
    base = Global(2, BASE_CID, None)
    metrics = {"accuracy": 0.9, "loss": None, "steps": 3}
    plain = update_metadata(CHAIN_ID, FEDERATION, 4, base, 7, 30, metrics) | changes
    return {key: value for key, value in plain.items() if value != "left out"}


def file_of(tensors: dict[str, Any] | None = None, **said: Any) -> bytes:
    changed = {**BASE.tensors, **(tensors or {})}
    kept = {name: tensor for name, tensor in changed.items() if tensor is not None}
    return Weights(kept, metadata(**said)).encode()


def filled(value: float, name: str = "kernel") -> dict[str, Any]:
    tensor = BASE.tensors[name].copy()
    tensor.flat[-1] = value
    return {name: tensor}
