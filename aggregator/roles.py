"""From a host's settings to its role, waiting for whatever is not there yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.close import Closer
from aggregator.console import RoleWatcher
from aggregator.publish import Evaluate
from aggregator.resident import HeaderRole, TrainerRole
from fl_node.chain.timeline import read_timeline
from fl_node.config import FILE_NAME, Settings, load_settings
from fl_node.connect import open_ledger, open_signer, open_store, threads_of
from fl_node.consent import require_consent, what_is_trained
from fl_node.doctor.examination import quick_checks
from fl_node.errors import DataError, LedgerError, ModelError
from fl_node.federation import Federation, open_federation
from fl_node.patience import Patience
from fl_node.upkeep import Upkeep

if TYPE_CHECKING:
    from fl_node.training.local import Trainer

_LOOK_SECONDS = 0.5


@contextmanager
def trainer_role(
    home: Path, node: int | None, patience: Patience, watcher: RoleWatcher
) -> Iterator[TrainerRole]:
    """Lend a trainer that is ready to begin; its account is locked meanwhile.

    :param node: None asks the chain which node the account is
    :raises FlnodeError: for settings, data, model or consent that waiting does not mend
    """
    from fl_node.training.checkpoint import FOLDER, Checkpoints
    from fl_node.training.data import load_data, load_test_data
    from fl_node.training.last_trained import LastTrained
    from fl_node.training.local import Trainer
    from fl_node.training.participate import Participant

    with _member(home, patience, watcher) as (settings, federation):
        require_consent(federation, settings)
        for line in what_is_trained(federation, settings):
            watcher.say(line)
        number = node or patience.until(lambda: _own_number(federation))
        data = load_data(settings.data, federation.plan, number, folder=home)
        checkpoints = Checkpoints(home / FOLDER, settings.checkpoint_epochs, watcher.say)
        threads = threads_of(settings)
        trainer = Trainer(federation.plan, threads=threads, checkpoints=checkpoints)
        trainer.check(data)
        test = load_test_data(settings.data, federation.plan, folder=home)
        closer = Closer(federation, lambda weights: trainer.evaluate(weights, test) if test else {})
        participant = Participant(number, federation, LastTrained(trainer), data)
        upkeep = Upkeep.of(federation, settings.keep_rounds, watcher.say)
        yield TrainerRole(participant, closer, upkeep, patience, watcher)
        checkpoints.remove(number)  # all that was due is sent and settled


@contextmanager
def header_role(
    home: Path, *, measures: bool, patience: Patience, watcher: RoleWatcher
) -> Iterator[HeaderRole]:
    """Lend a header that is ready to begin; its account is locked meanwhile.

    :param measures: whether globals are measured where there are test data
    """
    with _member(home, patience, watcher) as (settings, federation):
        evaluate = _evaluation(home, settings, federation, watcher) if measures else None
        closer = Closer(federation, evaluate or (lambda _weights: {}))
        upkeep = Upkeep.of(federation, settings.keep_rounds, watcher.say)
        yield HeaderRole(closer, upkeep, patience, watcher)


@contextmanager
def _member(
    home: Path, patience: Patience, watcher: RoleWatcher
) -> Iterator[tuple[Settings, Federation]]:
    from fl_node.chain.accounts import lock_account

    signer = open_signer(home, load_settings(home))
    with lock_account(signer.address):
        settings = _joined(home, patience)
        ledger = patience.until(lambda: open_ledger(home, settings, signer))
        store = open_store(home, settings)
        federation = patience.until(lambda: open_federation(ledger, store))
        for check in quick_checks(home, settings, federation):
            if not check.ok:
                watcher.failed(check)
        yield settings, federation


def _joined(home: Path, patience: Patience) -> Settings:
    """Wait until the settings name a federation."""
    while not (settings := load_settings(home)).federation:
        patience.waits_for(
            f"{home / FILE_NAME} names no federation yet: flnode deploy PLAN.toml makes one, "
            "flnode join ADDRESS enters one"
        )
        patience.pause(_LOOK_SECONDS)
    return settings


def _own_number(federation: Federation) -> int:
    account = federation.ledger.account
    found = read_timeline(federation.ledger)[1].node_of(account)
    if found is None:
        raise LedgerError(f"{account} is no node of this federation: ask its owner to register it")
    return found


def _evaluation(
    home: Path, settings: Settings, federation: Federation, watcher: RoleWatcher
) -> Evaluate | None:
    """Measure on what test data the header has; it may have none."""
    from fl_node.training.data import load_test_data

    try:
        test = load_test_data(settings.data, federation.plan, folder=home)
        if test is None:
            return None
        trainer = _trainer(federation, settings)
        trainer.check(test)
    except (DataError, ModelError) as error:
        watcher.say(f"globals are not measured here: {error}")
        return None
    return lambda weights: trainer.evaluate(weights, test)


def _trainer(federation: Federation, settings: Settings) -> "Trainer":
    from fl_node.training.local import Trainer

    return Trainer(federation.plan, threads=threads_of(settings))
