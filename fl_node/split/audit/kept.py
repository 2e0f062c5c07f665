"""What a party kept of a recorded epoch, held against what both signed; no model is run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from fl_node.chain.session_timeline import RecordedEpoch
from fl_node.errors import SplitError, WeightsError
from fl_node.split.audit.chain import ChainAudit
from fl_node.split.audit.finding import (
    CONTRADICTED,
    REPRODUCED,
    UNVERIFIABLE,
    Finding,
    Reason,
    Verdict,
    falsified,
)
from fl_node.split.audit.folder import Owner
from fl_node.split.audit.messages import KeptMessages
from fl_node.split.audit.records import Leaves
from fl_node.split.audit.runs import Run, runs_of
from fl_node.split.batches import Batches
from fl_node.split.record.message import Message
from fl_node.split.record.phase import Party
from fl_node.split.record.refusal import UnfitError
from fl_node.split.record.schedule import Place
from fl_node.split.record.signed import LEAF_BYTES, SignedRecord, body_digest
from fl_node.split.snapshots import checkpoint_digest, checkpoint_salt
from fl_node.split.wire.boundaries import Boundaries
from fl_node.split.wire.frames import read_frame
from fl_node.training.steps import EVALUATION_BATCH
from fl_node.weights import TensorSpec, Weights

_SCORE = "score/"
_MESSAGES, _RECORDS = "messages", "records"


@dataclass(frozen=True)
class KeptEpoch:
    """What one party has of one recorded epoch.

    :ivar leaves: what both signed
    :ivar intact: the messages whose leaf and body are as they were signed, and may be used
    :ivar batches: the epoch's samples, as far as the messages show them
    :ivar runs: what is to be recomputed
    """

    owner: Owner
    recorded: RecordedEpoch
    leaves: Leaves
    messages: KeptMessages
    intact: frozenset[Place]
    batches: Batches
    runs: tuple[Run, ...]

    @property
    def epoch(self) -> int:
        """The epoch's number."""
        return self.recorded.record.epoch

    def snapshot(self, step: int) -> Path:
        """Say where the party's state after a step is."""
        return snapshot_file(self.owner, self.epoch, step)


def snapshot_file(owner: Owner, epoch: int, step: int) -> Path:
    """Say where a party's state after a step is."""
    return owner.journal(epoch) / f"snapshot-{step}.safetensors"


def audit_kept(
    boundaries: Boundaries, owner: Owner, recorded: RecordedEpoch, leaves: Leaves
) -> tuple[KeptEpoch, list[Finding]]:
    """Check a journal's records, messages and states against what both signed."""
    epoch = recorded.record.epoch
    messages = KeptMessages(owner.journal(epoch) / _MESSAGES, owner.session, epoch)
    batches = _batches(boundaries, messages, leaves)
    findings = list(_about_records(owner, leaves))
    intact = []
    for place in messages.places:
        wrong = _about_message(boundaries, owner, messages.message(place), leaves, batches)
        findings += wrong
        intact += [] if wrong else [place]
    runs = runs_of(recorded, leaves.schedule, boundaries.plan)
    kept = KeptEpoch(owner, recorded, leaves, messages, frozenset(intact), batches, runs)
    return kept, [*findings, *_missing(kept)]


def audit_checkpoint(
    owner: Owner, recorded: RecordedEpoch, audited: ChainAudit
) -> tuple[Verdict, list[Finding]]:
    """Hold the state after an epoch against the salted digest that both signed."""
    record, path = recorded.record, owner.checkpoint(recorded.record.epoch)
    is_node = owner.party is Party.NODE
    wanted = record.node_checkpoint if is_node else record.provider_checkpoint

    def verdict(word: str, detail: str) -> Verdict:
        return owner.verdict(record.epoch, 0, "checkpoint", word, detail)

    if not path.exists():
        return verdict(UNVERIFIABLE, f"{path} is not there"), []
    if owner.keys is None:
        return verdict(UNVERIFIABLE, f"its salt takes the party's keys: {owner.no_keys}"), []
    salt = checkpoint_salt(owner.keys.sign, owner.session, record.epoch)
    found = checkpoint_digest(salt, [_content(path)])
    if found == wanted:
        return verdict(REPRODUCED, "its salted digest is the one that both signed"), []
    if owner.keys.key != _newest_key(owner, recorded, audited):
        return verdict(UNVERIFIABLE, "its salt takes the keys of then, these are others"), []
    detail = f"{path} has the salted digest {found.hex()}, signed is {wanted.hex()}"
    wrong = owner.finding(record.epoch, 0, Reason.WRONG_CHECKPOINT, detail)
    return verdict(CONTRADICTED, detail), [wrong]


def audit_start(owner: Owner, epoch: int, before: Path) -> tuple[Verdict, list[Finding]] | None:
    """Hold the state that an epoch begins with against the one that was committed to before.

    :param before: the same party's checkpoint of the epoch that was recorded before
    :returns: None where one of both is not there
    """
    path = snapshot_file(owner, epoch, 0)
    if not (path.exists() and before.exists()):
        return None
    try:
        is_same = state_of(Weights.read(path)).same_tensors(state_of(Weights.read(before)))
    except (OSError, WeightsError):
        return None  # a finding of its own
    if is_same:
        detail = "it begins with the state that it committed to before"
        return owner.verdict(epoch, 0, "start", REPRODUCED, detail, 0.0), []
    detail = f"{path} is another state than {before}, which it committed to"
    wrong = owner.finding(epoch, 0, Reason.WRONG_START, detail)
    return owner.verdict(epoch, 0, "start", CONTRADICTED, detail), [wrong]


def state_of(snapshot: Weights) -> Weights:
    """Give a snapshot without the score so far, which does not reach into what is computed."""
    kept = {name: t for name, t in snapshot.tensors.items() if not name.startswith(_SCORE)}
    return Weights(kept)


def kept_records(owner: Owner, epoch: int) -> bytes | None:
    """Give the party's own copy of an epoch's records, if there is one."""
    path = owner.journal(epoch) / _RECORDS
    return _content(path) if path.exists() else None


def _about_records(owner: Owner, leaves: Leaves) -> Iterator[Finding]:
    """Compare the records that the party kept with those that were published."""
    epoch = leaves.claimed.epoch
    content = kept_records(owner, epoch)
    if content is None or content == leaves.content:
        return
    if len(content) != len(leaves.content):
        detail = f"kept are {len(content)} bytes of records, published {len(leaves.content)}"
        yield owner.finding(epoch, 0, Reason.OTHER_RECORD, detail)
    for index, place in enumerate(leaves.schedule.places()):
        leaf = content[index * LEAF_BYTES : (index + 1) * LEAF_BYTES]
        published = leaves.by_place.get(place)
        if published is not None and leaf != published.encode():
            yield from _other_record(owner, leaves, place, _read(leaf), published)


def _about_message(
    boundaries: Boundaries, owner: Owner, message: Message, leaves: Leaves, batches: Batches
) -> list[Finding]:
    record = message.record
    place = Place(record.step, record.phase)
    published = leaves.by_place.get(place)
    if published is None:
        detail = f"{place} is kept, and the epoch's records have none"
        return [owner.finding(record.epoch, record.step, Reason.OTHER_RECORD, detail)]
    if message.signed != published:
        return list(_other_record(owner, leaves, place, message.signed, published))
    if (found := body_digest(message.body)) != record.body:
        detail = (
            f"the {place.phase.sender.value} signed the body {record.body.hex()}, kept is "
            f"{found.hex()}"
        )
        return [owner.finding(record.epoch, record.step, falsified(record.phase), detail)]
    try:
        read_frame(message.body, boundaries.spec(place.phase, batches.rows(place.step)))
    except UnfitError as error:
        finding = leaves.claimed.finding(
            error.refusal.label,
            owner.who.of(place.phase.sender),
            f"{place} should have been refused: {error.detail}",
            place.step,
        )
        return [finding]
    return []


def _other_record(
    owner: Owner, leaves: Leaves, place: Place, kept: SignedRecord | None, published: SignedRecord
) -> Iterator[Finding]:
    """Say who answers for a leaf that is not the published one: whoever signed two, or kept it."""
    sender = place.phase.sender
    verify = leaves.claimed.verify[sender]
    if kept is None or not kept.is_signed(verify):
        detail = f"the record of {place} that is kept is not what the {sender.value} signed"
        yield owner.finding(leaves.claimed.epoch, place.step, Reason.OTHER_RECORD, detail)
    elif published.is_signed(verify):  # else it is the published one that is wrong: found there
        detail = f"the {sender.value} signed two records of {place}: one published, one sent"
        who = owner.who.of(sender)
        yield leaves.claimed.finding(Reason.SIGNED_TWICE, who, detail, place.step)


def _missing(kept: KeptEpoch) -> Iterator[Finding]:
    """Name the first message and state that the retention setting keeps and that are not there."""
    owner, epoch = kept.owner, kept.epoch
    needed = [place for run in kept.runs for place in run.places(kept.leaves.schedule)]
    there = set(kept.messages.places)
    first = next((place for place in needed if place not in there), None)
    step = 0 if first is None else first.step
    if kept.messages.damage is not None:
        yield owner.finding(epoch, step, Reason.JOURNAL_DAMAGED, kept.messages.damage)
    elif first is not None:
        detail = f"the plan keeps {first}, and it is not in {owner.journal(epoch)}"
        yield owner.finding(epoch, step, Reason.WITHHELD, detail)
    for run in kept.runs:
        yield from _about_snapshot(kept, run.start)


def _about_snapshot(kept: KeptEpoch, step: int) -> Iterator[Finding]:
    path, owner = kept.snapshot(step), kept.owner
    if not path.exists():
        detail = f"the plan keeps the state after step {step}, and {path} is not there"
        yield owner.finding(kept.epoch, step, Reason.WITHHELD, detail)
        return
    try:
        found = dict(Weights.read(path).metadata)
    except (OSError, WeightsError) as error:
        yield owner.finding(kept.epoch, step, Reason.JOURNAL_DAMAGED, f"{path}: {error}")
        return
    if found != {"epoch": kept.epoch, "step": step}:
        detail = f"{path} says that it is of {found}"
        yield owner.finding(kept.epoch, step, Reason.JOURNAL_DAMAGED, detail)


def _batches(boundaries: Boundaries, messages: KeptMessages, leaves: Leaves) -> Batches:
    """Tell the number of samples from the last batches, where they are kept; else take whole ones.

    The records have the number of steps only.
    """
    schedule, size = leaves.schedule, boundaries.plan.training.batch_size
    trained = _rows(boundaries, messages, schedule.training_steps, size)
    samples = (schedule.training_steps - 1) * size + trained
    if not schedule.evaluation_steps:
        return Batches(samples, 0, size)
    evaluated = _rows(boundaries, messages, schedule.steps, EVALUATION_BATCH)
    return Batches(samples, (schedule.evaluation_steps - 1) * EVALUATION_BATCH + evaluated, size)


def _rows(boundaries: Boundaries, messages: KeptMessages, step: int, most: int) -> int:
    for place in messages.places:
        if place.step == step:
            found = _specs(messages.message(place))
            likely = {spec.shape[0] for spec in found.values() if spec.shape}
            for rows in chain(sorted(likely & set(range(1, most + 1))), range(most, 0, -1)):
                if boundaries.spec(place.phase, rows).tensors == found:
                    return rows
    return most


def _specs(message: Message) -> Mapping[str, TensorSpec]:
    if body_digest(message.body) != message.record.body:
        return {}
    try:
        return Weights.decode(message.body).specs
    except WeightsError:
        return {}


def _newest_key(owner: Owner, recorded: RecordedEpoch, audited: ChainAudit) -> bytes | None:
    """Give the key that the party had announced last when the epoch was recorded."""
    said = [
        each.announcement.key
        for each in audited.announced(owner.node, owner.party)
        if each.timestamp <= recorded.timestamp
    ]
    return said[-1] if said else None


def _read(leaf: bytes) -> SignedRecord | None:
    try:
        return SignedRecord.decode(leaf)
    except SplitError:
        return None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SplitError(f"{path} cannot be read: {error.strerror}") from error
