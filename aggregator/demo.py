"""A whole federation in one process: the same steps as in the network, called in turn."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from aggregator.attest import Witness
from aggregator.close import AllClosed, Closed, Closer, NotDue, close
from aggregator.strategies.registry import strategy_for
from fl_node.chain.deploy import create_federation
from fl_node.chain.embedded import EmbeddedChain, embedded_account
from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.ledger import Ledger
from fl_node.chain.timeline import read_timeline
from fl_node.config import FILE_NAME, Settings, load_settings, save_settings
from fl_node.connect import open_store
from fl_node.errors import DisputeError, FlnodeError, SettingsError
from fl_node.federation import Federation, open_federation
from fl_node.plan import Plan
from fl_node.training.data import Dataset, load_data, load_test_data
from fl_node.training.draft import Draft
from fl_node.training.local import Trainer, TrainingProgress
from fl_node.training.participate import Participant, Participation, Submitted, participate
from fl_node.weights import Weights

JOURNAL, STORE, LOCK = "chain.jsonl", "store", ".lock"
MODEL, CURVE = "model.keras", "curve.png"
HEADER, OWNER = "header", "owner"


class Watcher(Protocol):
    """Is told what happens, as it happens."""

    def training(self, node: int, progress: TrainingProgress) -> None:
        """A node trains."""

    def participated(self, node: int, outcome: Participation) -> None:
        """A node did its step."""

    def closed(self, outcome: Closed) -> None:
        """The header closed a round."""


@dataclass(frozen=True)
class Demo:
    """A federation on the embedded chain, kept in a folder."""

    folder: Path
    chain: EmbeddedChain
    settings: Settings

    def ledger(self, role: str) -> Ledger:
        """Look at the contract as one of the accounts."""
        return EthereumLedger(self.chain, self.settings.federation, embedded_account(role))

    def view(self, role: str) -> Federation:
        """Open the federation as one of its accounts."""
        return open_federation(self.ledger(role), open_store(self.folder, self.settings))


@dataclass(frozen=True)
class Job:
    """What trains, every node's data, and what global models are measured on."""

    trainer: Trainer
    shards: Mapping[int, Dataset]
    test: Dataset | None

    def evaluate(self, weights: Weights) -> Mapping[str, float]:
        """Measure a global model; nothing where there is no test data."""
        return self.trainer.evaluate(weights, self.test) if self.test else {}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from running a demo in the same folder; make the folder for it.

    :raises SettingsError: when one does
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout as error:
        raise SettingsError(f"another process runs the demo in {folder}: wait for it") from error
    except FlnodeError:
        _remove_if_empty(folder)
        raise


def _remove_if_empty(folder: Path) -> None:
    """Leave no folder behind for what was refused."""
    if [path.name for path in folder.iterdir()] == [LOCK]:
        (folder / LOCK).unlink()
        folder.rmdir()


def begin(folder: Path, draft: Draft, threads: int) -> tuple[Demo, Job]:
    """Deploy a federation in a folder; whatever is wrong shows before anything is written.

    :raises FlnodeError: for a model, a strategy or data that cannot be used
    """
    job = _job(draft.plan, draft.source, threads)
    clear(folder)  # what a deployment that was killed left behind
    return _create(folder, draft, threads), job


def go_on(folder: Path, wanted: Draft | None) -> tuple[Demo, Job]:
    """Go on with the unfinished federation that a folder holds.

    :param wanted: what it must have been begun with; None takes whatever is there
    :raises SettingsError: when it is finished, or another
    """
    settings = load_settings(folder, environment={})
    demo = Demo(folder, EmbeddedChain.load(folder / JOURNAL), settings)
    federation = demo.view(HEADER)
    if wanted is not None and wanted.plan.cid != federation.ledger.plan():
        raise SettingsError(f"{folder} holds another federation: add --fresh to remove it")
    if read_timeline(federation.ledger)[1].complete:
        raise SettingsError(
            f"{folder} holds a finished federation: see flnode status --folder {folder}, or add "
            "--fresh to remove it"
        )
    return demo, _job(federation.plan, settings.data, settings.threads)


def holds_demo(folder: Path) -> bool:
    """Tell whether a federation was begun in a folder."""
    return (folder / FILE_NAME).is_file()


def clear(folder: Path) -> None:
    """Remove what a demo keeps in a folder, and nothing else."""
    for name in (FILE_NAME, JOURNAL, MODEL, CURVE):  # the settings first: they say what is whole
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / STORE, ignore_errors=True)


def _job(plan: Plan, source: str, threads: int) -> Job:
    strategy_for(plan)
    trainer = Trainer(plan, threads=threads or None)
    shards = {node: load_data(source, plan, node) for node in range(1, plan.nodes + 1)}
    test = load_test_data(source, plan)
    for data in (*shards.values(), *([test] if test else [])):
        trainer.check(data)
    return Job(trainer, shards, test)


def _create(folder: Path, draft: Draft, threads: int) -> Demo:
    """Store plan and initial weights, deploy, register the nodes, open round 1.

    The settings file is written last: a folder without one holds nothing that is worth keeping.
    """
    settings = Settings(
        f"embedded:{JOURNAL}", f"directory:{STORE}", data=draft.source, threads=threads
    )
    roles = {number: node_role(number) for number in range(1, draft.plan.nodes + 1)}
    accounts = {role: embedded_account(role) for role in (OWNER, HEADER, *roles.values())}
    store = open_store(folder, settings)
    initial = store.put(draft.initial.pieces())
    plan = store.put([draft.plan.encode()])
    funded = [account.address for account in accounts.values()]
    chain = EmbeddedChain.create(folder / JOURNAL, funded)
    ledger = create_federation(
        chain,
        accounts[OWNER],
        plan=plan,
        initial=initial,
        header=accounts[HEADER].address,
        nodes={number: accounts[role].address for number, role in roles.items()},
        terms=draft.terms,
    )
    settings = replace(settings, federation=ledger.federation)
    save_settings(folder, settings)
    return Demo(folder, chain, settings)


def run_rounds(demo: Demo, job: Job, watcher: Watcher) -> None:
    """Let nodes and header do their steps in turn until the last round is closed.

    :raises FlnodeError: when too few nodes have an admissible update, and nobody else can come
    """
    closer = Closer(demo.view(HEADER), job.evaluate)
    participants = [
        Participant(node, demo.view(node_role(node)), job.trainer, data)
        for node, data in job.shards.items()
    ]
    witnesses = [Witness(each.federation, each.node) for each in participants]
    while True:
        moved = [_participate(*each, watcher) for each in zip(participants, witnesses, strict=True)]
        outcome = close(closer)
        if isinstance(outcome, AllClosed):
            return
        if isinstance(outcome, Closed):
            watcher.closed(outcome)
        elif not any(moved) and not outcome.rejected:
            _let_time_pass(demo, outcome)


def node_role(number: int) -> str:
    """Name a node's account on the embedded chain."""
    return f"node {number}"


def _participate(participant: Participant, witness: Witness, watcher: Watcher) -> bool:
    node = participant.node
    judged = witness.judge()
    witness.attest()
    if judged is not None and not judged.agrees:
        raise DisputeError(judged.line)
    outcome = participate(participant, lambda progress: watcher.training(node, progress))
    watcher.participated(node, outcome)
    return isinstance(outcome, Submitted)


def _let_time_pass(demo: Demo, outcome: NotDue) -> None:
    """Go to the deadline at once: all that could come have come."""
    if demo.chain.now() >= outcome.deadline:
        raise FlnodeError(
            f"round {outcome.round} has {outcome.received} admissible updates, fewer than its "
            f"quorum: flnode status --folder {demo.folder} says why"
        )
    demo.chain.set_time(outcome.deadline)
