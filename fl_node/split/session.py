"""One party of a session from its first epoch to its last: the chain says where it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fl_node.chain.epochs import EpochRecord, LoneRecord
from fl_node.chain.session_ledger import SessionLedger
from fl_node.chain.session_timeline import RecordedEpoch, read_session_timeline
from fl_node.cid import Cid
from fl_node.errors import RevertedError, SplitError
from fl_node.split.channel.keys import SessionKeys, verify
from fl_node.split.channel.link import Link, SilentError
from fl_node.split.closing import Agreed, Claim, Closing, HistoriesPartError
from fl_node.split.conversation import Conversation, EpochRecordedError, EpochStart
from fl_node.split.epoch import EpochRun, Learner, Metrics, Turn, checkpoint_file
from fl_node.split.plan import SplitPlan
from fl_node.split.progress import ProgressFile
from fl_node.split.record.history import Peer
from fl_node.split.record.journal import Journal
from fl_node.split.record.phase import Party
from fl_node.split.record.records import encode_records
from fl_node.split.record.retention import Retention
from fl_node.split.snapshots import checkpoint_digest, checkpoint_salt
from fl_node.split.wire.boundaries import Boundaries
from fl_node.store.store import Store
from fl_node.weights import Weights

_LOOK_SECONDS = 0.3
# The provider sends the record; after this the data owner does.
_PATIENCE_SECONDS = 15
_TAKEN_ALREADY = frozenset({"WrongEpoch", "SessionComplete"})


@dataclass(frozen=True)
class Signatures:
    """An account's signature of an epoch's record, and whose a signature is."""

    sign: Callable[[EpochRecord], bytes]
    signer_of: Callable[[EpochRecord, bytes], str]


@dataclass
class SessionParty:
    """A data owner, or the provider towards one data owner.

    :ivar home: where journals and checkpoints of all sessions are
    :ivar keys: of this party; announced
    :ivar peer_key: gives the other party's for messages, once it is announced
    :ivar check: raises to end a wait
    """

    party: Party
    node: int
    session: bytes
    plan: SplitPlan
    ledger: SessionLedger
    store: Store
    home: Path
    keys: SessionKeys
    peer_key: Callable[[], bytes]
    signatures: Signatures
    learner: Learner
    link: Link
    progress: ProgressFile
    check: Callable[[], None]
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        self._boundaries = Boundaries.of_plan(self.plan)
        self._folder = self.home / self.session.hex()

    def recorded(self) -> int:
        """Count the epochs on the chain, and forget of them what the plan does not keep."""
        done = self._epochs()
        for each in done:
            self._finish(each)
        return len(done)

    def take_up(self, epoch: int) -> None:
        """Be in the state after an epoch of this node.

        :raises SplitError: when it is not there
        """
        self.learner.snapshots.put_back(self._checkpoint(epoch))

    def outcome(self, epoch: int) -> tuple[int, Weights]:
        """Give the samples of an epoch and the weights after it, which the learner takes up.

        :raises SplitError: when they are not there
        """
        return self.learner.outcome(self._checkpoint(epoch))

    def live(self, epoch: int, *, is_last: bool) -> None:
        """Do an epoch, until it is on the chain.

        :param is_last: whether no other turn follows

        :raises SplitError: when the two cannot go on together
        """
        before = self._epochs()
        start = before[epoch - 2].record.root if epoch > 1 else self.session
        self._epoch(EpochStart(self.session, epoch, start), is_last)

    def end(self) -> None:
        """Say that all is done."""
        self.progress.update(state="all epochs are recorded")
        self.progress.write()

    def _epoch(self, start: EpochStart, is_last: bool) -> None:
        epoch = start.epoch
        self.progress.update(state="connects", epoch=epoch, step=0)
        with Journal(self.home, self.session, epoch, self.say) as journal:
            conversation = self._conversation(start, journal)
            try:
                conversation.open()
                measured = self._train(conversation, journal, is_last)
                self._close(conversation, journal, measured)
            except EpochRecordedError:
                self.say(f"epoch {epoch} is recorded on the chain already")
                self.take_up(epoch)
            recorded = self._wait_recorded(epoch)
        self._finish(recorded)
        self._tell(recorded)

    def _train(self, conversation: Conversation, journal: Journal, is_last: bool) -> Metrics:
        rate = _Rate(conversation.batches.samples)
        steps = conversation.batches.training_steps

        def watch(step: int, measured: Metrics) -> None:
            per_second, left = rate.after(conversation.batches.span(step).stop)
            self.progress.update(
                state="trains",
                step=step,
                steps=steps,
                measured=measured,
                bytes_sent=self.link.bytes_sent,
                bytes_received=self.link.bytes_received,
                samples_per_second=per_second,
                seconds_left=left,
            )

        run = EpochRun(
            learner=self.learner,
            folder=self._folder,
            turn=Turn(conversation.history.epoch, self.node),
            journal=journal,
            snapshot_steps=self.plan.snapshot_steps,
            watch=watch,
            is_last=is_last,
        )
        return run.run(conversation)

    def _close(self, conversation: Conversation, journal: Journal, measured: Metrics) -> None:
        epoch = conversation.history.epoch
        evaluated = dict(self.progress.now.evaluated) | ({str(epoch): measured} if measured else {})
        self.progress.update(state="signs", evaluated=evaluated)
        leaves = journal.leaves()
        records = self.store.put([encode_records(leaves)])
        claim = self._claim(conversation, len(leaves), records)
        try:
            agreed = self._closing(conversation, claim, leaves).agree()
        except HistoriesPartError as error:
            self._record_alone(epoch, claim, error.step)
            raise
        except SilentError as error:
            self._record_alone(epoch, claim, 0)
            raise SplitError(f"epoch {epoch} is recorded by this party alone: {error}") from error
        if self.party is Party.PROVIDER or not self._sees_recorded(epoch):
            self._record(agreed)

    def _checkpoint(self, epoch: int) -> Path:
        path = checkpoint_file(self._folder, epoch)
        if not path.exists():
            raise SplitError(
                f"epoch {epoch} is recorded, and {path} is not there: restore it from a backup"
            )
        return path

    def _claim(self, conversation: Conversation, leaves: int, records: Cid) -> Claim:
        epoch = conversation.history.epoch
        salt = checkpoint_salt(self.keys.sign, self.session, epoch)
        checkpoint = Weights.read(checkpoint_file(self._folder, epoch))
        return Claim(
            steps=conversation.history.schedule.steps,
            leaves=leaves,
            root=conversation.history.tree().root,
            records=records,
            checkpoint=checkpoint_digest(salt, checkpoint.pieces()),
        )

    def _closing(self, conversation: Conversation, claim: Claim, leaves: list[bytes]) -> Closing:
        return Closing(
            party=self.party,
            peer=self._peer(),
            node=self.node,
            epoch=conversation.history.epoch,
            claim=claim,
            tree=conversation.history.tree(),
            leaf=leaves.__getitem__,
            link=self.link,
            sign=self.signatures.sign,
            is_signed=self._is_signed,
            verify={
                self.party: partial(verify, self.keys.key),
                self.party.other: partial(verify, self.peer_key()),
            },
        )

    def _is_signed(self, record: EpochRecord, signature: bytes) -> bool:
        return self.signatures.signer_of(record, signature) == self._account_of_other()

    def _account_of_other(self) -> str:
        if self.party is Party.NODE:
            return self.ledger.provider()
        session = self.ledger.session(self.node)
        if session is None:
            raise SplitError(f"node {self.node} is no node of {self.ledger.contract} any more")
        return session.account

    def _record(self, agreed: Agreed) -> None:
        try:
            self.ledger.record_epoch(
                agreed.record, agreed.node_signature, agreed.provider_signature
            )
        except RevertedError as error:
            if error.name not in _TAKEN_ALREADY:
                raise

    def _record_alone(self, epoch: int, claim: Claim, first_difference: int) -> None:
        record = LoneRecord(
            node=self.node,
            epoch=epoch,
            steps=claim.steps,
            root=claim.root,
            records=claim.records,
            checkpoint=claim.checkpoint,
            first_difference=first_difference,
        )
        try:
            self.ledger.record_alone(record)
        except RevertedError as error:
            self.say(f"epoch {epoch} could not be recorded by this party alone: {error}")

    def _sees_recorded(self, epoch: int) -> bool:
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            if self._is_recorded(epoch):
                return True
            self._pause()
        return False

    def _wait_recorded(self, epoch: int) -> RecordedEpoch:
        while True:
            found = self._epochs()
            if len(found) >= epoch:
                return found[epoch - 1]
            self._pause()

    def _is_recorded(self, epoch: int) -> bool:
        session = self.ledger.session(self.node)
        return session is not None and session.epochs >= epoch

    def _finish(self, recorded: RecordedEpoch) -> None:
        """Keep of an epoch's messages what the plan's retention says."""
        record = recorded.record
        kept = Retention.parse(self.plan.retention).kept_steps(
            record.root, recorded.node_signature, recorded.provider_signature, record.steps
        )
        with Journal(self.home, self.session, record.epoch, self.say) as journal:
            if journal.places() or journal.is_finished:
                journal.finish(kept)

    def _tell(self, recorded: RecordedEpoch) -> None:
        record = recorded.record
        self.progress.update(
            state="recorded", root=record.root.hex(), recorded=record.epoch, seconds_left=None
        )
        self.progress.write()

    def _conversation(self, start: EpochStart, journal: Journal) -> Conversation:
        return Conversation(
            start,
            self._boundaries,
            party=self.party,
            peer=self._peer(),
            sign=self.keys.sign,
            journal=journal,
            link=self.link,
            is_recorded=partial(self._is_recorded, start.epoch),
            samples=self.learner.samples,
        )

    def _peer(self) -> Peer:
        who = "the provider" if self.party is Party.NODE else f"node {self.node}"
        return Peer(self.party.other, who, partial(verify, self.peer_key()))

    def _epochs(self) -> tuple[RecordedEpoch, ...]:
        return read_session_timeline(self.ledger).sessions[self.node].epochs

    def _pause(self) -> None:
        self.check()
        time.sleep(_LOOK_SECONDS)


class _Rate:
    """How fast an epoch goes in this process."""

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._start: tuple[float, int] | None = None

    def after(self, done: int) -> tuple[float, float | None]:
        """Give samples a second, and the seconds that are left; the first step is warming up."""
        now = time.monotonic()
        if self._start is None:
            self._start = now, done
            return 0.0, None
        seconds = max(now - self._start[0], 1e-9)
        rate = (done - self._start[1]) / seconds
        return rate, (self._samples - done) / rate if rate else None
