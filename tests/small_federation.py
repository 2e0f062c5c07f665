"""A whole federation on the embedded chain and a folder, with tensors small enough to look at.

Training is a function of node, round and base, as real training is; it needs no Keras.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from aggregator.attest import Witness
from aggregator.close import Closed, Closer, close
from fl_node.chain.deploy import create_federation
from fl_node.chain.embedded import EmbeddedChain, embedded_account
from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.ledger import Ledger
from fl_node.chain.timeline import Timeline, timeline_of
from fl_node.cid import Cid
from fl_node.federation import Federation, open_federation
from fl_node.plan import Plan
from fl_node.rounds import Terms, Update, global_metadata, update_metadata
from fl_node.store.directory import DirectoryStore
from fl_node.training.participate import (
    Participant,
    Participation,
    Prepared,
    participate,
)
from fl_node.weights import Tensor, Weights

GENESIS_SECONDS = 1_700_000_000
SAMPLES = {1: 100, 2: 300, 3: 50, 4: 75}

INITIAL = {
    "dense/bias": np.zeros(2, np.float32),
    "dense/kernel": np.linspace(-1, 1, 6, dtype=np.float32).reshape(3, 2),
    "table/size": np.array([7, 9], np.int64),
}


@dataclass
class Clock:
    """Seconds since 1970 that move when a test says so."""

    seconds: float = GENESIS_SECONDS

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class Trained:
    weights: Weights
    samples: int
    metrics: Mapping[str, float]


@dataclass
class SmallTrainer:
    """Adds to every float what depends on node, round and base only."""

    trained: list[tuple[int, int]] = field(default_factory=list)

    def train(
        self, base: Weights, *, node: int, round_: int, base_number: int, **_: object
    ) -> Trained:
        self.trained.append((node, round_))
        step = np.float32(node + 10 * round_ + 100 * base_number) / np.float32(1000)
        tensors = {
            name: tensor + step if tensor.dtype == np.float32 else tensor
            for name, tensor in base.tensors.items()
        }
        return Trained(Weights(tensors), SAMPLES[node], {"loss": 1 / (node + round_)})


def small_plan(**changes: Any) -> Plan:
    """A plan whose initial weights are `INITIAL`."""
    plan = Plan(
        name="small",
        model={"class_name": "Sequential"},
        loss="mse",
        optimizer={"class_name": "SGD"},
        epochs=1,
        batch_size=32,
        seed=1,
        initial=initial_weights().cid(),
        fetch_timeout_seconds=1,
    )
    return replace(plan, **changes)


def initial_weights() -> Weights:
    return Weights(INITIAL, global_metadata())


@dataclass
class SmallFederation:
    """Owner, header and nodes, each with its own view of one chain and one store."""

    folder: Path
    clock: Clock
    chain: EmbeddedChain
    store: DirectoryStore
    address: str
    trainer: SmallTrainer
    views: dict[str, Federation] = field(default_factory=dict, repr=False)

    def ledger(self, role: str) -> Ledger:
        """The ledger of a role's view."""
        return self.view(role).ledger

    def own_ledger(self, role: str) -> Ledger:
        """Another ledger of a role, which a test may meddle with."""
        return EthereumLedger(self.chain, self.address, embedded_account(role))

    def view(self, role: str) -> Federation:
        """One view for each role, so that no event is read twice."""
        if role not in self.views:
            self.views[role] = open_federation(self.own_ledger(role), self.store)
        return self.views[role]

    def closer(self, role: str = "header") -> Closer:
        return Closer(self.view(role), evaluated)

    def participant(self, node: int, ledger: Ledger | None = None) -> Participant:
        """A node that looks at the chain through a ledger of its own, or another."""
        view = open_federation(ledger, self.store) if ledger else self.view(f"node {node}")
        return Participant(node, view, self.trainer, data=None)

    def participate(self, node: int, prepared: Prepared | None = None) -> Participation:
        return participate(self.participant(node), silent, prepared)

    def attest(self, node: int) -> bool:
        """Let a node check the latest global and say its word; give whether it agrees."""
        witness = Witness(self.view(f"node {node}"), node)
        judged = witness.judge()
        witness.attest()
        assert judged is not None
        return judged.agrees

    def run_round(self, *nodes: int) -> Closed:
        """Let these nodes send what they trained, and the header close."""
        self.send(*nodes)
        closed = close(self.closer())
        assert isinstance(closed, Closed)
        return closed

    def pass_seconds(self, seconds: int) -> None:
        """Let the next block be so much later than the newest one."""
        self.clock.seconds = self.chain.now() + seconds

    def place(self, cid: Cid) -> Path:
        """Where the store keeps a file."""
        return self.store.fetch(cid, max_bytes=2**30, timeout_seconds=1)

    def timeline(self) -> Timeline:
        return timeline_of(self.ledger("header").events())

    def send(self, *nodes: int) -> None:
        """Let nodes send what they would, with none of a step's looking around."""
        for node in nodes:
            timeline = self.timeline()
            number = timeline.open_number
            base = self.view("header").weights(timeline.model(number - 1).weights)
            trained = self.trainer.train(base, node=node, round_=number, base_number=number - 1)
            self.submit(node, tensors=trained.weights.tensors, said={"metrics": trained.metrics})

    def submit(
        self,
        node: int,
        *,
        tensors: Mapping[str, Tensor] | None = None,
        content: bytes | None = None,
        samples: int | None = None,
        base: int | None = None,
        cid: Cid | None = None,
        said: Mapping[str, object] | None = None,
    ) -> Update:
        """Send an update whose bytes or record are not what an honest node would send.

        :param tensors: instead of the base's
        :param content: instead of a weights file
        :param said: changes to what the file says of itself
        :param cid: instead of the stored bytes' own
        """
        ledger = self.ledger(f"node {node}")
        timeline = self.timeline()
        number = timeline.open_number
        model = timeline.model(number - 1 if base is None else base)
        count = SAMPLES[node] if samples is None else samples
        metadata = update_metadata(
            ledger.chain_id, ledger.federation, number, model, node, count, {"loss": 0.5}
        )
        weights = Weights(tensors or self.view("header").weights(model.weights).tensors)
        whole = Weights(weights.tensors, metadata | dict(said or {}))
        stored = self.store.put([content] if content is not None else whole.pieces())
        update = Update(node, number, model.number, cid or stored, count)
        ledger.set_local_weight(update)
        return update


def small_federation(
    folder: Path, *, nodes: int = 2, terms: Terms | None = None, **plan_changes: Any
) -> SmallFederation:
    """Deploy a federation of so many nodes and open round 1; other accounts have funds too."""
    folder.mkdir(exist_ok=True)
    clock = Clock()
    roles = ["owner", "header", "stranger", *(f"node {node}" for node in range(1, 10))]
    accounts = {role: embedded_account(role) for role in roles}
    funded = [account.address for account in accounts.values()]
    chain = EmbeddedChain.create(folder / "chain.jsonl", funded, clock)
    store = DirectoryStore(folder / "store")
    store.put(initial_weights().pieces())
    ledger = create_federation(
        chain,
        accounts["owner"],
        plan=store.put([small_plan(**plan_changes).encode()]),
        initial=initial_weights().cid(),
        header=accounts["header"].address,
        nodes={node: accounts[f"node {node}"].address for node in range(1, nodes + 1)},
        terms=terms or Terms(rounds=3),
    )
    return SmallFederation(folder, clock, chain, store, ledger.federation, SmallTrainer())


def silent(_: object) -> None:
    return None


def evaluated(weights: Weights) -> Mapping[str, float]:
    return {"accuracy": 0.5, "loss": float("nan")}


def happens_before(ledger: Ledger, method: str, *acts: Callable[[], object]) -> None:
    """Let something happen on the chain right before each of a ledger's next writes of a kind."""
    plain, left = getattr(ledger, method), iter(acts)

    def after_news(*arguments: object) -> object:
        for act in islice(left, 1):
            act()
        return plain(*arguments)

    setattr(ledger, method, after_news)
