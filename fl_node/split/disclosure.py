"""What a data owner's host has for an audit and for a leakage report: data, weights, settings."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fl_node.config import Settings, load_settings
from fl_node.connect import threads_of
from fl_node.errors import SplitError
from fl_node.split.audit.split import SplitAudit, audit_split
from fl_node.split.averages import Average
from fl_node.split.data_owner import DataOwner
from fl_node.split.epoch import checkpoint_file
from fl_node.split.leakage.report import LeakageReport, leakage_report
from fl_node.split.opening import OpenedSession, open_session
from fl_node.split.progress import FILE_NAME, read_progress
from fl_node.split.record.phase import Party
from fl_node.split.record.signed import session_id
from fl_node.split.upper import FOLDER


def session_folder(home: Path, opened: OpenedSession, node: int) -> Path:
    """Say where a host keeps a session."""
    ledger = opened.ledger
    session = session_id(ledger.chain_id, ledger.contract, node)
    return home / FOLDER / ledger.contract / session.hex()


def built_owner(home: Path, settings: Settings, opened: OpenedSession, node: int) -> DataOwner:
    """Build a data owner's parts with its data, as its role does.

    :raises DataError: when the data are not there, or do not fit
    """
    data, test = opened.data(home, settings.data, node)
    return DataOwner(opened.plan, node, opened.initial(), data, test, threads=threads_of(settings))


def audit_disclosed(
    home: Path,
    settings: Settings,
    disclosed: Sequence[Path],
    tolerance: float | None,
    average: Average,
    say: Callable[[str], None],
) -> SplitAudit:
    """Check split learning, and what hosts disclose.

    :param disclosed: hosts' folders
    :param average: of what data owners in parallel brought
    :raises FlnodeError: as :func:`fl_node.split.audit.split.audit_split`
    """
    opened = open_session(home, settings)

    def owner(node: int) -> DataOwner:
        host = _owners_home(disclosed, opened, node)
        return built_owner(host, load_settings(host, environment={}), opened, node)

    return audit_split(
        opened,
        disclosed,
        say,
        average=average,
        data_owner=owner,
        threads=threads_of(settings),
        tolerance=tolerance,
    )


def leakage_of(home: Path, settings: Settings, node: int, epoch: int | None) -> LeakageReport:
    """Measure what the parts of a data owner give away after an epoch.

    :param epoch: None takes the last that is there; 0 is before the first
    :raises SplitError: when its state is not there
    """
    opened = open_session(home, settings)
    data, _ = opened.data(home, settings.data, node)
    threads = threads_of(settings)
    owner = DataOwner(opened.plan, node, opened.initial(), data, None, threads=threads)
    owner.begin()
    folder = session_folder(home, opened, node)
    chosen = _newest_epoch(folder, opened) if epoch is None else epoch
    if chosen:
        owner.snapshots.put_back(checkpoint_file(folder, chosen))
    return leakage_report(opened.plan, owner.parts, data, threads=threads)


def _newest_epoch(folder: Path, opened: OpenedSession) -> int:
    epochs = range(1, opened.plan.training.epochs + 1)
    return max((each for each in epochs if checkpoint_file(folder, each).exists()), default=0)


def _owners_home(disclosed: Sequence[Path], opened: OpenedSession, node: int) -> Path:
    for home in disclosed:
        progress = read_progress(session_folder(home, opened, node) / FILE_NAME)
        if progress is not None and progress.party == Party.NODE.value:
            return home
    raise SplitError(f"no folder of node {node} is disclosed: its data are needed for its steps")
