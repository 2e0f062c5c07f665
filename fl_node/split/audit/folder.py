"""A party's own folder, disclosed to an audit: which sessions are in it, and whose they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fl_node.errors import FlnodeError
from fl_node.split.audit.chain import ChainAudit
from fl_node.split.audit.finding import UNVERIFIABLE, Finding, Reason, Verdict, Who
from fl_node.split.channel.keys import FILE_NAME, SessionKeys
from fl_node.split.epoch import checkpoint_file
from fl_node.split.opening import OpenedSession
from fl_node.split.progress import FILE_NAME as PROGRESS_FILE
from fl_node.split.progress import read_progress
from fl_node.split.record.journal import journal_folder
from fl_node.split.record.phase import Party
from fl_node.split.upper import FOLDER, UpperPart

_UPPER_FILE = "upper.json"


@dataclass(frozen=True)
class Owner:
    """One session's folder, and whose it is.

    :ivar contract: the folder of all this party's sessions of the contract, with its keys
    :ivar keys: None where they are not there, or cannot be read; `no_keys` says why
    """

    contract: Path
    session: bytes
    node: int
    party: Party
    keys: SessionKeys | None
    no_keys: str = ""

    @property
    def who(self) -> Who:
        """Name it as findings do."""
        return Who.of(self.party)

    @property
    def folder(self) -> Path:
        """The session's folder."""
        return self.contract / self.session.hex()

    @property
    def home(self) -> Path:
        """The host's folder, if this one lies where a host has it."""
        return self.contract.parent.parent

    def journal(self, epoch: int) -> Path:
        """Say where an epoch's journal is."""
        return journal_folder(self.contract, self.session, epoch)

    def checkpoint(self, epoch: int) -> Path:
        """Say where the state after an epoch is."""
        return checkpoint_file(self.folder, epoch)

    def of_session(self, session: bytes) -> "Owner":
        """Give the same party in another of its sessions."""
        return replace(self, session=session)

    def finding(self, epoch: int, step: int, reason: str, detail: str) -> Finding:
        """Say what this party has to answer for."""
        return Finding(self.node, epoch, step, reason, self.who, detail)

    def verdict(
        self,
        epoch: int,
        step: int,
        what: str,
        verdict: str,
        detail: str,
        difference: float | None = None,
    ) -> Verdict:
        """Say what became of one thing of this party's."""
        return Verdict(self.node, epoch, step, self.who, what, verdict, difference, detail)


def find_owners(chain: ChainAudit, folders: Sequence[Path]) -> tuple[list[Owner], list[Verdict]]:
    """Look for sessions of a contract in folders.

    :param folders: of hosts, of contracts in them (``split/0x…``), or of single sessions there
    :returns: them, and a verdict on each folder that nothing can be said about
    """
    owners: list[Owner] = []
    unknown: list[Verdict] = []
    for folder in folders:
        found = [_owned(chain, *each) for each in _sessions(chain, folder)]
        owners += [each for each in found if isinstance(each, Owner)]
        unknown += [each for each in found if isinstance(each, Verdict)]
        if not found:
            unknown.append(_unverifiable(0, f"{folder} has no session of {chain.contract}"))
    return owners, unknown


def audit_upper(opened: OpenedSession, owner: Owner) -> UpperPart | Finding | Verdict:
    """Hold the provider's part against what the plan commits it to."""
    folder = owner.contract.parent / str(opened.plan.cid)
    if not (folder / _UPPER_FILE).exists():
        return owner.verdict(
            0, 0, "upper-part", UNVERIFIABLE, f"the provider's part is not in {folder}"
        )
    try:
        return UpperPart.load(owner.home, opened.plan.cid, opened.plan.upper)
    except FlnodeError as error:
        return owner.finding(0, 0, Reason.WRONG_UPPER, str(error))


def _sessions(chain: ChainAudit, folder: Path) -> Iterator[tuple[Path, int]]:
    """Give the contract's folder and the node of each session that is there."""
    if chain.timeline is None:
        return
    for node in chain.timeline.sessions:
        name = chain.session(node).hex()
        for contract in (folder, folder / FOLDER / chain.contract):
            if (contract / name).is_dir():
                yield contract, node
        if folder.resolve().name == name:
            yield folder.resolve().parent, node


def _owned(chain: ChainAudit, contract: Path, node: int) -> Owner | Verdict:
    keys = _keys(contract)
    session = chain.session(node)
    known, said = (keys, "") if isinstance(keys, SessionKeys) else (None, keys)
    party = None if known is None else _announcer(chain, node, known.key)
    if party is None:
        if known is not None:
            known, said = None, f"the keys in {contract} were never announced"
        party = _told(contract / session.hex())
    if party is None:
        return _unverifiable(node, f"nothing tells whose {contract / session.hex()} is: {said}")
    return Owner(contract, session, node, party, known, said)


def _keys(contract: Path) -> SessionKeys | str:
    path = contract / FILE_NAME
    if not path.exists():  # an audit draws no new ones
        return f"no keys are in {contract}"
    try:
        return SessionKeys.load_or_create(contract, "audit", 1)
    except (FlnodeError, OSError) as error:
        return str(error)


def _announcer(chain: ChainAudit, node: int, key: bytes) -> Party | None:
    return next(
        (
            party
            for party in Party
            if key in {said.announcement.key for said in chain.announced(node, party)}
        ),
        None,
    )


def _told(folder: Path) -> Party | None:
    """Believe what the party itself wrote there; a folder is named by whoever hands it over."""
    progress = read_progress(folder / PROGRESS_FILE)
    return next((p for p in Party if progress is not None and p.value == progress.party), None)


def _unverifiable(node: int, detail: str) -> Verdict:
    return Verdict(node, 0, 0, Who.NOBODY, "folder", UNVERIFIABLE, None, detail)
