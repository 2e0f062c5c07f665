"""The values whose files lie beside this one: other code must write the same bytes."""

import numpy as np

from fl_node.cid import Cid
from fl_node.plan import Plan
from fl_node.report import Admitted, Observed, Recomputable, Rejected, Report
from fl_node.rounds import Global, Reason, update_metadata
from fl_node.weights import Weights
from tests.vectors import read_vectors

FEDERATION = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
BASE = Cid.parse("QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o")
# every kind of float32: normal, subnormal, both zeros, the largest and a third
FLOATS = [1.0, -2.5, 2**-149, -(2**-126), 0.0, -0.0, 3.4028234663852886e38, 1 / 3]


def golden_weights() -> Weights:
    tensors = {
        "000/conv/kernel": np.array(FLOATS, "<f4").reshape(2, 2, 2),
        "001/conv/bias": np.arange(3, dtype="<f4"),
        "002/count": np.array(2**40 + 1, "<i8"),
        "003/mask": np.array([True, False, True]),
        "004/empty": np.empty((0, 3), "<f4"),
        "005/bytes": np.array([0, 255], "u1"),
        "006/Größe\U0001f600": np.array([-1], "<i4"),
        "006/\ufb33": np.array([[7]], "<u2"),
    }
    metrics = {"accuracy": 0.96875, "loss": 1e-7, "diverged": None}
    said = update_metadata(1337, FEDERATION, 3, Global(2, BASE, None), 1, 30000, metrics)
    return Weights(tensors, said)


def golden_plan() -> Plan:
    layers = [{"class_name": "Dense", "config": {"name": "output", "units": 10, "rate": 0.5}}]
    return Plan(
        name="golden \u2014 Größe",
        model={"class_name": "Sequential", "config": {"layers": layers}},
        loss="categorical_crossentropy",
        optimizer={"class_name": "Adam", "config": {"learning_rate": 0.001, "epsilon": 1e-7}},
        epochs=5,
        batch_size=128,
        seed=2**53 - 1,
        initial=BASE,
        data="mnist",
        partition="dirichlet:0.5",
        nodes=2,
        images=60_000,
        max_delta_norm="12.5",
    )


def golden_report() -> Report:
    weights = Cid.parse(read_vectors("files.json")["weights.safetensors"])
    recomputable = Recomputable(
        round=3,
        base=2,
        base_weights=BASE,
        strategy="fedavg",
        admitted=(Admitted(1, 2, weights, 30000, 30000), Admitted(2, 1, weights, 1, 1)),
        rejected=tuple(Rejected(4, weights, reason) for reason in Reason),
        missing=(3, 5),
        duplicates=((1, 2),),
        state=None,
        weights=BASE,
    )
    observed = Observed(
        closer=FEDERATION,
        metrics={"accuracy": 0.992, "loss": float("inf")},
        local_metrics={1: {"accuracy": 0.96875, "loss": 1e-7}, 10: {}},
        seconds={"aggregation": 0.003, "evaluation": 1.0},
        versions={"numpy": "2.3.0"},
    )
    return Report(recomputable, observed)
