"""Split learning that was recorded, with everything that an audit looks at; no model is run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fl_node.chain.embedded import EmbeddedChain, embedded_account
from fl_node.chain.epoch_signature import sign_epoch
from fl_node.chain.epochs import Announcement, EpochRecord, SplitTerms
from fl_node.chain.ethereum_session import EthereumSessionLedger, deploy_session
from fl_node.chain.history import first_session_break
from fl_node.chain.ledger import LedgerEvent
from fl_node.cid import Cid
from fl_node.plan import Plan
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.epoch import checkpoint_file
from fl_node.split.opening import OpenedSession
from fl_node.split.plan import OwnPart, SplitPlan
from fl_node.split.record.history import History
from fl_node.split.record.journal import Journal
from fl_node.split.record.phase import Party
from fl_node.split.record.records import encode_records
from fl_node.split.record.retention import Retention
from fl_node.split.record.schedule import Place, Schedule
from fl_node.split.record.signed import session_id
from fl_node.split.snapshots import checkpoint_digest, checkpoint_salt
from fl_node.split.wire.boundaries import Boundaries
from fl_node.store.directory import DirectoryStore
from fl_node.weights import Weights
from tests.chain.scene import ROLES, address

NODE, PROVIDER = Party.NODE, Party.PROVIDER
ROLE = {NODE: "node 1", PROVIDER: "header"}
NUMBER = {NODE: 1, PROVIDER: 0}
BATCH, SAMPLES, TESTED = 4, 11, 2
TRAINING = Plan(
    name="small",
    model={"class_name": "Functional"},
    loss="sparse_categorical_crossentropy",
    optimizer={"class_name": "Adam"},
    epochs=2,
    batch_size=BATCH,
    seed=1,
    initial=Cid.of_bytes(b"initial"),
)
PLAN = SplitPlan(
    training=TRAINING,
    upper="ab" * 32,
    lower=OwnPart({}, ()),
    crossing=((3,),),
    output=(2,),
    snapshot_steps=2,
    retention="all",
)
TAIL = OwnPart({}, (), {"class_name": "Functional"})
U_SHAPED = replace(PLAN, tail=TAIL, features=((5,),))


@dataclass
class Told:
    """What a chain is said to hold; it may be changed."""

    chain_id: int
    contract: str
    told: Sequence[LedgerEvent]

    def events(self) -> Sequence[LedgerEvent]:
        return self.told

    def history(self) -> bytes:
        return bytes(self.told[-1].values["history"])

    def changed(self, index: int, **values: Any) -> "Told":
        """Give the same with an event changed, and nothing after it adapted."""
        event = self.told[index]
        other = replace(event, values={**event.values, **values})
        return replace(self, told=[*self.told[:index], other, *self.told[index + 1 :]])

    def adapted(self) -> "Told":
        """Give the same with a history that holds: as if all who keep the chain had lied."""
        told = self
        while broken := first_session_break(told.told, self.chain_id, self.contract):
            told = told.changed(broken.index, history=broken.expected)
        return told

    def index(self, kind: str, epoch: int = 1) -> int:
        found = (
            i for i, e in enumerate(self.told) if (e.kind, e.values.get("epoch")) == (kind, epoch)
        )
        return next(found)


@dataclass
class Scene:
    """One node and the provider."""

    folder: Path
    plan: SplitPlan = PLAN
    seeds: list[bytes] = field(default_factory=list)
    given: list[EpochRecord] = field(default_factory=list)
    _told: tuple[int, Told] | None = None

    def __post_init__(self) -> None:
        self.chain = EmbeddedChain([address(role) for role in ROLES], 1_700_000_000, lambda: 0)
        owner, terms = embedded_account("owner"), SplitTerms(self.plan.training.epochs, 2)
        self.contract = deploy_session(
            self.chain, owner, self.plan.cid, address(ROLE[PROVIDER]), terms
        )
        self.ledger("owner").register_node(1, address(ROLE[NODE]))
        self.store = DirectoryStore(self.folder / "store")
        self.session = session_id(self.chain.chain_id, self.contract, 1)
        self.boundaries = Boundaries.of_plan(self.plan)
        self.schedule = Schedule(self.plan.is_u_shaped, 3, 1)
        self.keys = {party: self._announced(party) for party in Party}
        self.seeds.append(self.session)

    def ledger(self, role: str) -> EthereumSessionLedger:
        return EthereumSessionLedger(self.chain, self.contract, embedded_account(role))

    def home(self, party: Party) -> Path:
        return self.folder / party.value

    def contract_folder(self, party: Party) -> Path:
        return self.home(party) / "split" / self.contract

    def journal_folder(self, party: Party, epoch: int = 1) -> Path:
        return self.contract_folder(party) / self.session.hex() / f"epoch-{epoch}"

    def checkpoint(self, party: Party, epoch: int = 1) -> Path:
        return checkpoint_file(self.contract_folder(party) / self.session.hex(), epoch)

    def history(self) -> History:
        return History(self.session, len(self.seeds), self.seeds[-1], self.schedule)

    def sign(self, party: Party) -> Callable[[bytes], bytes]:
        return self.keys[party].sign

    def play(self) -> History:
        """Live the next epoch, with arbitrary numbers."""
        history = self.history()
        chance = np.random.default_rng(history.epoch)
        journals = {party: self.journal(party, history.epoch) for party in Party}
        for journal in journals.values():
            for step in (0, 2):
                journal.keep_snapshot(step, state(history.epoch, step).pieces())
        for place in history.schedule.places():
            body = self.body(place, chance)
            message = history.write(place, body, self.sign(place.phase.sender))
            history.add(message.signed)
            for journal in journals.values():
                journal.append(message)
        for party, journal in journals.items():
            state(history.epoch, 3).write(self.checkpoint(party, history.epoch))
            journal.close()
        return history

    def record(self, history: History) -> None:
        """Let both sign and record an epoch, and drop what they need not keep."""
        given = self.record_of(history)
        signatures = [self.signature(party, given) for party in Party]
        self.ledger("owner").record_epoch(given, *signatures)
        kept = Retention.parse(self.plan.retention).kept_steps(given.root, *signatures, given.steps)
        for party in Party:
            with self.journal(party, given.epoch) as journal:
                journal.finish(kept)
        self.seeds.append(given.root)
        self.given.append(given)

    def record_of(self, history: History) -> EpochRecord:
        return EpochRecord(
            node=1,
            epoch=history.epoch,
            steps=history.schedule.steps,
            root=history.tree().root,
            records=self.store.put([encode_records(history.leaves())]),
            node_checkpoint=self.salted(NODE, history.epoch),
            provider_checkpoint=self.salted(PROVIDER, history.epoch),
        )

    def salted(self, party: Party, epoch: int) -> bytes:
        salt = checkpoint_salt(self.sign(party), self.session, epoch)
        return checkpoint_digest(salt, [self.checkpoint(party, epoch).read_bytes()])

    def signature(self, party: Party, given: EpochRecord) -> bytes:
        account = embedded_account(ROLE[party])
        return sign_epoch(account, given, self.chain.chain_id, self.contract)

    def told(self) -> Told:
        """Read the events, once a block: that takes half as long as an audit."""
        block = self.chain.web3.eth.block_number
        if self._told is None or self._told[0] != block:
            events = list(self.ledger("owner").events())
            self._told = block, Told(self.chain.chain_id, self.contract, events)
        return self._told[1]

    def opened(self, told: Told | None = None) -> OpenedSession:
        return OpenedSession(told or self.told(), self.store, self.plan)

    def journal(self, party: Party, epoch: int) -> Journal:
        return Journal(self.contract_folder(party), self.session, epoch, lambda _: None)

    def body(self, place: Place, chance: Any) -> bytes:
        """Make what may come: any numbers of the right shapes."""
        rows = {3: SAMPLES % BATCH, 4: TESTED}.get(place.step, BATCH)
        spec = self.boundaries.spec(place.phase, rows)
        tensors = {
            name: chance.integers(0, 2, each.shape).astype(each.dtype)
            if each.dtype.kind == "i"
            else chance.random(each.shape, np.float32)
            for name, each in spec.tensors.items()
        }
        return Weights(tensors, dict.fromkeys(spec.metrics, 0.5)).encode()

    def _announced(self, party: Party) -> SessionKeys:
        self.contract_folder(party).mkdir(parents=True)
        keys = SessionKeys.load_or_create(self.contract_folder(party), party.value, 30)
        said = Announcement(NUMBER[party], keys.key, keys.certificate, "", keys.expires)
        self.ledger(ROLE[party]).announce(said)
        return keys


def state(epoch: int, step: int) -> Weights:
    """Make a party's state: the one that an epoch ends with is the next one's first."""
    number = 3 * (epoch - 1) + step
    tensors = {"weights/000000": np.full((2, 2), number, np.float32)}
    return Weights(tensors, {"epoch": epoch, "step": step})


def recorded(folder: Path, plan: SplitPlan = PLAN, epochs: int = 2) -> Scene:
    """Give a scene with recorded epochs."""
    scene = Scene(folder, plan)
    for _ in range(epochs):
        scene.record(scene.play())
    return scene
