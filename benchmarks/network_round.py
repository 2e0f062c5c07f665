"""What a round on three Geth and three Kubo nodes costs besides training and evaluation.

From the slowest trainer's end of training until all trainers have begun the next round: two
trainers and a header as processes of their own, the roles' real loops, weights of the paper's size
or any other; the trainer draws numbers instead of training. The first round is left out.

With ``--values 100000000 --rounds 1`` a model of 400 MB goes through one whole round.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aggregator import close as close_module
from aggregator import publish as publish_module
from aggregator.attest import Witness
from aggregator.close import Closed, Closer
from aggregator.resident import HeaderRole, TrainerRole
from fl_node.chain import transact
from fl_node.chain.deploy import create_federation
from fl_node.cid import Cid
from fl_node.config import load_settings
from fl_node.connect import open_chain, open_ledger, open_signer, open_store
from fl_node.federation import open_federation
from fl_node.members import read_members
from fl_node.network import devnet
from fl_node.patience import Patience
from fl_node.plan import Plan
from fl_node.rounds import Terms, global_metadata
from fl_node.store.store import Pieces, Store
from fl_node.training.last_trained import LastTrained
from fl_node.training.participate import Participant
from fl_node.upkeep import Upkeep
from fl_node.weights import Weights

PAPER_VALUES, NODES = 619_786, (1, 2)
TRAINING_SECONDS = 1.0
TENSOR_VALUES = 10_000_000


def log(event: str, seconds: float | None = None) -> None:
    """Print what happened, at which time of this machine's clock, after how long."""
    entry = {"event": event, "at": time.monotonic(), "seconds": seconds}
    sys.stdout.write(json.dumps(entry) + "\n")  # whole, as threads write too
    sys.stdout.flush()


@contextmanager
def timed(event: str) -> Iterator[None]:
    """Log what a block takes."""
    started = time.monotonic()
    yield
    log(event, time.monotonic() - started)


def logged(event: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function so that what it takes is logged."""

    def run(*arguments: Any, **named: Any) -> Any:
        with timed(event):
            return function(*arguments, **named)

    return run


@dataclass(frozen=True)
class TimedStore(Store):
    """Logs what another store takes."""

    inner: Store

    def put(self, pieces: Pieces) -> Cid:
        """Store bytes."""
        with timed("store"):
            return self.inner.put(pieces)

    def fetch(self, cid: Cid, *, max_bytes: int, timeout_seconds: float) -> Path:
        """Give a file."""
        with timed("fetch"):
            return self.inner.fetch(cid, max_bytes=max_bytes, timeout_seconds=timeout_seconds)

    def holds(self, cid: Cid) -> bool:
        """Tell whether it is there."""
        return self.inner.holds(cid)

    def drop(self, cid: Cid) -> None:
        """Forget it."""
        self.inner.drop(cid)


@dataclass
class Drawn:
    """What a trainer gives."""

    weights: Weights
    samples: int
    metrics: Mapping[str, float]


class DrawingTrainer:
    """Moves every value a little, after as long as a short training takes."""

    def train(self, base: Weights, *, node: int, round_: int, **_: object) -> Drawn:
        """Draw by node and round."""
        log(f"begin {round_}")
        time.sleep(TRAINING_SECONDS)
        step = np.float32(1e-3 * (node + round_))
        weights = Weights({name: tensor + step for name, tensor in base.tensors.items()})
        log(f"end {round_}")
        return Drawn(weights, 1000 * node, {"loss": 1.0})


class Silent:
    """Watches and logs closes only."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_arguments: None

    def closed(self, outcome: Closed) -> None:
        """Log the round."""
        log(f"closed {outcome.model.number}")


def role(home: Path, address: str, node: int) -> None:
    """Run one role until the last round is closed, logging what its parts take."""
    settings = replace(load_settings(home, environment={}), federation=address)
    signer = open_signer(home, settings)
    transact.await_receipt = logged("wait", transact.await_receipt)
    transact.send = logged("transaction", transact.send)
    judged = logged("fetch and admit", close_module._reject_inadmissible)
    close_module._reject_inadmissible = judged
    publish_module.recompute = logged("aggregate", publish_module.recompute)
    for part in ("judge", "attest"):
        setattr(Witness, part, logged(part, getattr(Witness, part)))
    store = TimedStore(open_store(home, settings))
    with Patience(log) as patience:
        federation = open_federation(open_ledger(home, settings, signer), store)
        closer = Closer(federation, lambda _weights: {})
        upkeep = Upkeep.of(federation, 0, log)
        if node:
            member = Participant(node, federation, LastTrained(DrawingTrainer()), data=None)
            TrainerRole(member, closer, upkeep, patience, Silent()).run()
        else:
            HeaderRole(closer, upkeep, patience, Silent()).run()
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"event": "peak", "mebibytes": usage / 1024}), flush=True)


def deploy(folder: Path, values: int, rounds: int) -> str:
    """Deploy a federation of a model with so many values."""
    home = folder / "header"
    settings, members = load_settings(home, environment={}), read_members(home)
    sizes = [TENSOR_VALUES] * (values // TENSOR_VALUES) + [values % TENSOR_VALUES]
    tensors = {f"tensor/{i:03}": np.zeros(size, np.float32) for i, size in enumerate(sizes) if size}
    initial, store = Weights(tensors, global_metadata()), open_store(home, settings)
    plan = Plan(
        name="network round",
        model={"class_name": "Sequential"},
        loss="mse",
        optimizer={"class_name": "SGD"},
        epochs=1,
        batch_size=32,
        seed=1,
        initial=store.put(initial.pieces()),
        fetch_timeout_seconds=600,
    )
    return create_federation(
        open_chain(home, settings),
        open_signer(home, settings, "owner_keystore"),
        plan=store.put([plan.encode()]),
        initial=plan.initial,
        header=members.header,
        nodes=members.nodes,
        terms=Terms(rounds=rounds),
    ).federation


def run(folder: Path, address: str) -> dict[str, list[dict[str, Any]]]:
    """Run the three roles; give each one's log."""
    hosts = {"header": 0} | {f"node-{node}": node for node in NODES}
    processes = {
        host: subprocess.Popen(
            [sys.executable, __file__, "--role", str(folder / host), address, str(node)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for host, node in hosts.items()
    }
    outputs = {host: process.communicate()[0] for host, process in processes.items()}
    return {
        host: [json.loads(line) for line in text.splitlines()] for host, text in outputs.items()
    }


def moment(entries: list[dict[str, Any]], event: str) -> float:
    """Find when something happened."""
    return next(entry["at"] for entry in entries if entry["event"] == event)


def parts(entries: list[dict[str, Any]], first: float, last: float) -> dict[str, float]:
    """Sum what each part took between two moments."""
    sums: dict[str, float] = defaultdict(float)
    for entry in entries:
        if entry.get("seconds") is not None and first < entry["at"] <= last:
            sums[entry["event"]] += entry["seconds"]
    return sums


def breakdown(logs: dict[str, list[dict[str, Any]]], number: int) -> dict[str, float]:
    """Say where the time between two trainings went."""
    trainers = {host: logs[host] for host in logs if host != "header"}
    ends = {host: moment(entries, f"end {number}") for host, entries in trainers.items()}
    slowest = max(ends, key=lambda host: ends[host])
    began = ends[slowest]
    over = max(moment(entries, f"begin {number + 1}") for entries in trainers.values())
    closed = moment(logs["header"], f"closed {number}")
    sent, made = parts(trainers[slowest], began, closed), parts(logs["header"], began, closed)
    wait = sent["wait"] + made["wait"]
    checks = [parts(entries, closed, over) for entries in trainers.values()]
    return {
        "total": over - began,
        "encode and store": sent["store"],
        "transaction": sent["transaction"] + made["transaction"],
        "wait for two blocks": wait,
        "fetch and admit": made["fetch and admit"],
        "aggregate": made["aggregate"],
        "publish": made["store"],
        "notice the close, check the global, say so": over - closed,
        "of that: check": max(each["judge"] for each in checks),
        "of that: say so": max(each["attest"] for each in checks),
        "all but the waits": over - began - wait,
    }


def main() -> None:
    """Print one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--values", type=int, default=PAPER_VALUES)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--role", nargs=3, metavar=("HOME", "FEDERATION", "NODE"))
    given = arguments.parse_args()
    if given.role:
        role(Path(given.role[0]), given.role[1], int(given.role[2]))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "devnet"
        devnet.up(folder, lambda line: print(line, file=sys.stderr))
        try:
            started = time.monotonic()
            logs = run(folder, deploy(folder, given.values, given.rounds))
            seconds = time.monotonic() - started
        finally:
            devnet.down(folder)
    rounds = [breakdown(logs, number) for number in range(2, given.rounds)]
    found = {
        key: round(statistics.median(each[key] for each in rounds), 3)
        for key in (rounds[0] if rounds else [])
    }
    peaks = {host: round(entries[-1]["mebibytes"]) for host, entries in logs.items()}
    model = 4 * given.values / 2**20
    print(
        json.dumps(
            {
                "benchmark": "network_round",
                "values": given.values,
                "model_mebibytes": round(model, 1),
                "rounds": len(rounds),
                "seconds": found,
                "worst_total": round(max((each["total"] for each in rounds), default=0), 3),
                "peak_mebibytes": peaks,
                "whole_run_seconds": round(seconds, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
