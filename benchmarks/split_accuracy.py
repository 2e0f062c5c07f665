"""What split learning reaches on MNIST: the paper's network, alone, in turns and in parallel.

Both roles' own learners in one process; each message passes through the plan's codec and the
frames, as over the network. What is left out changes no tensor: sockets, signatures, journal.
Before anything else, 100 steps in float32 must give the uncut model's bits.

In parallel is SplitFed's first version, which gives the bits of federated averaging of the whole
model: that is what is computed here. A line of JSON an epoch; about five minutes a run of five.

    python benchmarks/split_accuracy.py --wires float32 int8 --seeds 1 2 3
    python benchmarks/split_accuracy.py --way turns
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from aggregator.strategies.fedavg import FedAvg
from aggregator.strategies.strategy import Contribution
from fl_node.split.batches import Batches
from fl_node.split.data_owner import DataOwner
from fl_node.split.draft import SplitDraft, draft_split, own_parts, upper_part
from fl_node.split.epoch import Learner, Turn
from fl_node.split.parts.part import join
from fl_node.split.plan_file import parse_split_file
from fl_node.split.provider import Provider
from fl_node.split.record.history import History
from fl_node.split.record.schedule import Place
from fl_node.split.turns import all_turns
from fl_node.split.wire.boundaries import Boundaries
from fl_node.split.wire.frames import read_frame
from fl_node.split.wire.traffic import Traffic
from fl_node.split.words import epoch_traffic
from fl_node.training.backend import start_backend
from fl_node.training.data import load_data, load_test_data
from fl_node.training.draft import draft_plan
from fl_node.training.local import Trainer
from fl_node.weights import Weights

BATCH, CHECKED_STEPS = 64, 100
RANDTOPK = {"fraction": "0.1", "alpha": "0.1"}  # as in examples/split.toml
NOBODY = b"\0" * 32
_DEADLINE_SECONDS = 300


@dataclass(frozen=True)
class Job:
    """What is trained, and how it crosses.

    :ivar nodes: data owners of disjoint shares
    """

    way: str
    cut_after: str
    wire: str
    epochs: int
    images: int = 60_000
    nodes: int = 1

    def keys(self, seed: int) -> dict[str, Any]:
        """Give a plan file's keys without the cut: the model, data and optimizer of the example."""
        return {
            "name": "benchmark",
            "model": "cnn",
            "data": "mnist",
            "nodes": self.nodes,
            "images": self.images,
            "batch_size": BATCH,
            "epochs": self.epochs,
            "seed": seed,
            "optimizer": {"name": "Adam", "learning_rate": 0.001},
        }

    def draft(self, seed: int) -> SplitDraft:
        """Cut the paper's network."""
        split: dict[str, Any] = {"cut_after": self.cut_after, "wire": self.wire}
        split |= {"wire_parameters": RANDTOPK} if self.wire == "randtopk" else {}
        return draft_split(parse_split_file(self.keys(seed) | {"split": split}, Path.cwd(), {}))


@dataclass(frozen=True)
class Talk:
    """One party's end of an epoch, in memory: a conversation without signatures and journal."""

    boundaries: Boundaries
    batches: Batches
    history: History
    heard: "SimpleQueue[tuple[Place, bytes]]"
    said: "SimpleQueue[tuple[Place, bytes]]"
    peer: str = "the other party"

    def say(self, place: Place, body: bytes) -> None:
        """Send a message."""
        self.said.put((place, body))

    def hear(self, place: Place) -> Weights:
        """Wait for a message and admit it."""
        found, body = self.heard.get(timeout=_DEADLINE_SECONDS)
        assert found == place, (found, place)
        return read_frame(body, self.boundaries.spec(place.phase, self.batches.rows(place.step)))


class Session:
    """A provider and its data owners; the last of them evaluates."""

    def __init__(self, draft: SplitDraft) -> None:
        self.draft, self.boundaries = draft, Boundaries.of_plan(draft.plan)
        plan, training = draft.plan, draft.plan.training
        self.provider = Provider(plan, draft.upper)
        self.owners: dict[int, DataOwner] = {}
        for node in range(1, training.nodes + 1):
            data = load_data("mnist", training, node)
            test = load_test_data("mnist", training) if node == training.nodes else None
            self.owners[node] = DataOwner(plan, node, draft.initial, data, test)
        for learner in (self.provider, *self.owners.values()):
            learner.begin()

    def train(self) -> Iterator[Mapping[str, float | None]]:
        """Train each epoch, one node after the other; gives what its last node measured."""
        turns = all_turns(self.draft.plan.training.epochs, sorted(self.owners))
        for place, turn in enumerate(turns):
            if place and turns[place - 1].node != turn.node:
                self._hand_on(turns[place - 1], turn)
            found = self._live(turn, is_last=turn == turns[-1])
            if turn.node == len(self.owners):
                yield found

    def whole(self) -> Weights:
        """Join the parts, where there is one data owner."""
        plan, (owner,) = self.draft.plan, self.owners.values()
        parts = [*own_parts(plan), upper_part(plan, self.draft.upper)]
        return join(parts, [*owner._step.party.weights, self.provider.weights], {})

    def _hand_on(self, before: Turn, turn: Turn) -> None:
        content = self.owners[before.node].snapshots.take(before.epoch, 0).encode()
        self.owners[turn.node].snapshots.load(Weights.decode(content), "what was handed on")

    def _live(self, turn: Turn, *, is_last: bool) -> Mapping[str, float | None]:
        owner = self.owners[turn.node]
        mine, theirs = self._connected(owner, turn)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(_epoch, self.provider, theirs, turn, is_last)
            found = _epoch(owner, mine, turn, is_last)
            other.result()
        return found

    def _connected(self, owner: DataOwner, turn: Turn) -> tuple[Talk, Talk]:
        plan = self.draft.plan
        batches = Batches(*owner.samples, plan.training.batch_size)
        schedule = batches.schedule(is_u_shaped=plan.is_u_shaped, in_flight=plan.in_flight)
        history = History(NOBODY, turn.epoch, NOBODY, schedule)
        forth: SimpleQueue[tuple[Place, bytes]] = SimpleQueue()
        back: SimpleQueue[tuple[Place, bytes]] = SimpleQueue()
        shared = (self.boundaries, batches, history)
        return Talk(*shared, heard=back, said=forth), Talk(*shared, heard=forth, said=back)


def _epoch(learner: Learner, talk: Any, turn: Turn, is_last: bool) -> Mapping[str, float | None]:
    steps = learner.steps(talk, turn, 0, lambda *_: None)
    steps.train(range(1, talk.batches.training_steps + 1))
    if is_last:
        learner.finish()
    return steps.evaluate()


def averaged(job: Job, seed: int) -> Iterator[Mapping[str, float]]:
    """Train the whole model at each node, and average; gives what each global measures."""
    draft = draft_plan(job.keys(seed) | {"epochs": 1})
    trainer, found = Trainer(draft.plan), draft.initial
    nodes = range(1, job.nodes + 1)
    data = {node: load_data("mnist", draft.plan, node) for node in nodes}
    test = load_test_data("mnist", draft.plan)
    assert test is not None
    for round_ in range(1, job.epochs + 1):
        sent = []
        for node in nodes:
            update = trainer.train(
                found, node=node, round_=round_, base_number=round_ - 1, data=data[node]
            )
            sent.append(Contribution(node, update.samples, update.weights))
        found = FedAvg().aggregate(found, None, sent).weights
        yield trainer.evaluate(found, test)


def require_same_bits(cut_after: str, seed: int) -> None:
    """Hold a short training against the whole model's: this is the real algorithm."""
    job = Job("alone", cut_after, "float32", epochs=1, images=CHECKED_STEPS * BATCH)
    session = Session(job.draft(seed))
    list(session.train())
    draft = draft_plan(job.keys(seed))
    data = load_data("mnist", draft.plan, 1)
    trained = Trainer(draft.plan).train(draft.initial, node=1, round_=1, base_number=0, data=data)
    mine, whole = session.whole().tensors, trained.weights.tensors
    assert mine.keys() == whole.keys()
    for name, tensor in whole.items():
        assert not np.array_equal(tensor, draft.initial.tensors[name]), name
        assert mine[name].tobytes() == tensor.tobytes(), f"{name} differs from the uncut model's"


def measured(job: Job, seed: int) -> Iterator[dict[str, object]]:
    """Train, and give a line for each epoch."""
    start = time.perf_counter()
    what: dict[str, object] = {"benchmark": "split_accuracy", "way": job.way, "nodes": job.nodes}
    if job.way == "parallel":
        epochs: Iterator[Mapping[str, float | None]] = averaged(job, seed)
    else:
        session = Session(job.draft(seed))
        plan, owners = session.draft.plan, session.owners.values()
        moved = sum((epoch_traffic(plan, each.samples[0]) for each in owners), Traffic(0, 0))
        what |= {"cut_after": job.cut_after, "wire": job.wire}
        what |= {"epoch_bytes": moved.total, "crossing_bytes": moved.crossing}
        epochs = session.train()
    for epoch, found in enumerate(epochs, 1):
        figures = {name: round(value, 5) for name, value in found.items() if value is not None}
        seconds = round(time.perf_counter() - start)
        yield what | {"seed": seed, "epoch": epoch, **figures, "seconds": seconds}


def main() -> None:
    """Print a line for each seed and epoch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--way", choices=("alone", "turns", "parallel"), default="alone")
    parser.add_argument("--wires", nargs="+", default=["float32"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--images", type=int, default=60_000, help="of all data owners together")
    parser.add_argument("--cut-after", default="pool_2")
    parser.add_argument("--threads", type=int, default=1, help="of TensorFlow, for each operation")
    given = parser.parse_args()
    start_backend(given.threads, at_once=2)  # both parties' graphs wait for each other
    if given.way != "parallel":  # where nothing is cut
        require_same_bits(given.cut_after, given.seeds[0])
    nodes = 1 if given.way == "alone" else 2
    for wire, seed in product(given.wires, given.seeds):
        job = Job(given.way, given.cut_after, wire, given.epochs, given.images, nodes)
        for line in measured(job, seed):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
