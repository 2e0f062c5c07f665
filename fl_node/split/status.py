"""What chain and parties say of split learning, for people and programs."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fl_node.chain.session_timeline import RecordedAlone, SessionLog, read_session_timeline
from fl_node.cid import Cid
from fl_node.hosts import homes_of
from fl_node.split.opening import OpenedSession
from fl_node.split.progress import FILE_NAME, Progress, read_progress, scores_of
from fl_node.split.record.phase import Party
from fl_node.split.record.signed import session_id
from fl_node.split.upper import FOLDER

_MEGABYTE = 10**6


@dataclass(frozen=True)
class SessionStatus:
    """One data owner with the provider.

    :ivar recorded: epochs on the chain
    :ivar root: of the last one
    :ivar alone: what one party alone says of the next epoch
    :ivar parties: what they wrote of their progress, where their folders are on this machine
    """

    node: int
    recorded: int
    root: bytes | None
    alone: tuple[RecordedAlone, ...]
    parties: dict[Party, Progress]

    def document(self) -> dict[str, Any]:
        """Give it as JSON holds it."""
        return {
            "id": self.node,
            "recorded": self.recorded,
            "root": None if self.root is None else self.root.hex(),
            "one_sided": [_alone_document(each) for each in self.alone],
            "node": _progress_document(self.parties.get(Party.NODE)),
            "provider": _progress_document(self.parties.get(Party.PROVIDER)),
        }

    def lines(self, epochs: int) -> Iterator[str]:
        """Give it in lines."""
        root = "none yet" if self.root is None else self.root.hex()
        yield f"node {self.node}: {self.recorded} of {epochs} epochs recorded, last root {root}"
        for party, progress in self.parties.items():
            yield f"  {party.value:<8}  {_figures(progress)}"
        for epoch, measured in sorted(self._evaluated().items(), key=lambda each: int(each[0])):
            yield f"  epoch {epoch} on test data: {_scores(measured)}"
        for alone in self.alone:
            yield f"  {_alone_line(alone)}"

    def _evaluated(self) -> dict[str, Any]:
        node = self.parties.get(Party.NODE)
        return dict(node.evaluated) if node else {}


@dataclass(frozen=True)
class SplitStatus:
    """Split learning now."""

    name: str
    contract: str
    chain_id: int
    plan: Cid
    epochs: int
    complete: bool
    sessions: tuple[SessionStatus, ...]

    def document(self) -> dict[str, Any]:
        """Give it as JSON holds it."""
        return {
            "contract": self.contract,
            "chain_id": self.chain_id,
            "name": self.name,
            "plan": self.plan,
            "epochs": self.epochs,
            "complete": self.complete,
            "sessions": [each.document() for each in self.sessions],
        }

    def lines(self) -> Iterator[str]:
        """Give it in lines."""
        yield f"{self.name}: {'complete' if self.complete else 'under way'}"
        yield f"split learning {self.contract} on chain {self.chain_id}"
        for each in self.sessions:
            yield from each.lines(self.epochs)


def status_of_split(opened: OpenedSession, folder: Path | None) -> SplitStatus:
    """Read what chain and parties say now.

    :param folder: a host's or a network's; None looks here, as the commands do
    """
    ledger, plan = opened.ledger, opened.plan
    timeline = read_session_timeline(ledger)
    places = [home / FOLDER / ledger.contract for home in homes_of(folder, None).values()]
    sessions = []
    for node, log in sorted(timeline.sessions.items()):
        session = session_id(ledger.chain_id, ledger.contract, node)
        sessions.append(_session(log, [place / session.hex() / FILE_NAME for place in places]))
    return SplitStatus(
        name=plan.training.name,
        contract=ledger.contract,
        chain_id=ledger.chain_id,
        plan=plan.cid,
        epochs=timeline.terms.epochs,
        complete=timeline.complete,
        sessions=tuple(sessions),
    )


def _session(log: SessionLog, files: list[Path]) -> SessionStatus:
    found = [each for each in map(read_progress, files) if each is not None]
    parties = {party: each for party in Party for each in found if each.party == party.value}
    root = log.epochs[-1].record.root if log.epochs else None
    return SessionStatus(log.node, len(log.epochs), root, log.standing, parties)


def _progress_document(progress: Progress | None) -> dict[str, Any] | None:
    return None if progress is None else asdict(progress)


def _alone_document(alone: RecordedAlone) -> dict[str, Any]:
    return {
        "by": alone.side.name.lower(),
        "epoch": alone.record.epoch,
        "disputes": alone.record.disputes,
        "first_difference": alone.record.first_difference or None,
        "root": alone.record.root.hex(),
    }


def _alone_line(alone: RecordedAlone) -> str:
    who, record = alone.side.name.lower(), alone.record
    if record.disputes:
        return (
            f"DISPUTE: the {who} says that the histories of epoch {record.epoch} part in step "
            f"{record.first_difference}"
        )
    return f"ONE-SIDED: the {who} recorded epoch {record.epoch} alone, the other did not sign"


def _figures(progress: Progress) -> str:
    sent, received = progress.bytes_sent / _MEGABYTE, progress.bytes_received / _MEGABYTE
    left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
    return (
        f"{progress.state}: epoch {progress.epoch}, step {progress.step} of {progress.steps}, "
        f"{_scores(progress.measured)}, {sent:,.0f} MB sent, {received:,.0f} MB received, "
        f"{progress.samples_per_second:,.0f} samples/s{left}"
    )


def _scores(measured: Any) -> str:
    return ", ".join(scores_of(measured)) or "nothing measured"
