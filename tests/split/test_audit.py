"""Whatever one byte is changed in, an audit finds it and says whose change it is."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl_node.chain.embedded import embedded_account
from fl_node.chain.epochs import Announcement, HandOver, LoneRecord
from fl_node.cid import Cid
from fl_node.errors import LedgerError
from fl_node.split.audit import PROVES, audit_split
from fl_node.split.audit_disputes import SaidAlone
from fl_node.split.audit_finding import (
    CONTRADICTED,
    REPRODUCED,
    UNVERIFIABLE,
    Reason,
    Who,
    falsified,
)
from fl_node.split.audit_messages import KeptMessages
from fl_node.split.audit_records import root_of
from fl_node.split.keys import FILE_NAME
from fl_node.split.phase import Party, Phase
from fl_node.split.record import LEAF_BYTES, SignedRecord
from fl_node.split.records import encode_records
from fl_node.split.schedule import Place
from tests.split.audit_scene import (
    NODE,
    PLAN,
    PROVIDER,
    U_SHAPED,
    Scene,
    recorded,
)

FLIPS = 1000
MOVE = 105  # where a leaf's signature begins


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two epochs; who changes something puts it back."""
    return recorded(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """One epoch, for many audits."""
    return recorded(tmp_path_factory.mktemp("short"), epochs=1)


def audited(scene, folders=None, told=None, **settings):
    homes = [scene.home(party) for party in Party] if folders is None else folders
    return audit_split(scene.opened(told), homes, lambda _: None, **settings)


def found(audit):
    return {(finding.reason, finding.who) for finding in audit.findings}


def content_of(folder: Path):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class Flip:
    """One byte, changed as long as the context lasts."""

    def __init__(self, path: Path, chance: random.Random, within: range | None = None) -> None:
        self.path, self.before = path, path.read_bytes()
        self.at = chance.choice(within or range(len(self.before)))
        changed = bytearray(self.before)
        changed[self.at] ^= chance.randrange(1, 256)
        self.after = bytes(changed)

    def __enter__(self):
        self.path.chmod(0o600)
        self.path.write_bytes(self.after)
        return self

    def __exit__(self, *_):
        self.path.write_bytes(self.before)


@pytest.mark.parametrize("plan", [PLAN, U_SHAPED], ids=["vanilla", "u-shaped"])
def test_what_nobody_changed_is_clean_and_is_not_changed_by_an_audit(tmp_path, plan):
    scene = recorded(tmp_path, plan)
    before = content_of(tmp_path)
    audit = audited(scene)
    assert audit.ok
    assert audit.first_bad is None
    assert [(each.epoch, each.steps, each.leaves) for each in audit.epochs] == [
        (1, 4, 14 if plan.is_u_shaped else 8),
        (2, 4, 14 if plan.is_u_shaped else 8),
    ]
    assert audit.owner_acts == ("NodeRegistered at block 2",)
    assert audit.proves == PROVES
    assert content_of(tmp_path) == before
    verdicts = Counter((each.what, each.verdict) for each in audit.verdicts)
    assert verdicts["checkpoint", REPRODUCED] == 4
    assert verdicts["start", REPRODUCED] == 2
    assert not any(word == CONTRADICTED for _, word in verdicts)


def test_of_a_thousand_changed_bytes_each_is_found_and_attributed(short):
    chance = random.Random(6)
    kinds = Counter()
    while sum(kinds.values()) < FLIPS:
        kind = chance.choice(list(KINDS))
        audit, who, reasons = KINDS[kind](short, chance)
        assert audit.findings, (kind, sum(kinds.values()))
        assert {each.who for each in audit.findings} == {who}, (kind, audit.findings)
        assert {each.reason for each in audit.findings} <= reasons, (kind, audit.findings)
        kinds[kind] += 1
    assert min(kinds.values()) > FLIPS / len(KINDS) / 2
    assert audited(short).ok


BODIES = {falsified(phase) for phase in Phase}


def flipped_message(party):
    """In the file of messages: a body, a leaf, or what the journal writes around them."""

    def flip(scene, chance):
        with Flip(scene.journal_folder(party) / "messages", chance):
            return audited(scene), Who.of(party), BODIES | {Reason.JOURNAL_DAMAGED}

    return flip


def flipped_body(party):
    """In a body alone: the very message is named."""

    def flip(scene, chance):
        path = scene.journal_folder(party) / "messages"
        kept = KeptMessages(path, scene.session, 1)
        place = chance.choice(kept.places)
        body = kept._kept[place]
        with Flip(path, chance, range(body.start, body.start + body.body_bytes)):
            audit = audited(scene)
        assert [each.step for each in audit.findings] == [place.step]
        return audit, Who.of(party), {falsified(place.phase)}

    return flip


def flipped_records(party):
    def flip(scene, chance):
        with Flip(scene.journal_folder(party) / "records", chance) as flipped:
            audit = audited(scene)
        place = scene.schedule.place(flipped.at // LEAF_BYTES)
        assert [each.step for each in audit.findings] == [place.step]
        return audit, Who.of(party), {Reason.OTHER_RECORD}

    return flip


def flipped_checkpoint(party):
    def flip(scene, chance):
        with Flip(scene.checkpoint(party), chance):
            return audited(scene), Who.of(party), {Reason.WRONG_CHECKPOINT}

    return flip


def flipped_in_store(scene, chance):
    """The store holds other bytes than the name says: its keeper's doing."""
    told = scene.told()
    name = Cid(told.told[told.index("EpochRecorded")].values["records"])
    with Flip(scene.store._place(name), chance):
        return audited(scene), Who.NOBODY, {Reason.RECORDS_DAMAGED}


RECORDED = ("root", "records", "nodeCheckpoint", "providerCheckpoint")
SIGNED = ("nodeSignature", "providerSignature")


def changed_on_chain(field, chance, told):
    index = told.index("EpochRecorded")
    value = bytearray(told.told[index].values[field])
    value[chance.randrange(len(value))] ^= chance.randrange(1, 256)
    return told.changed(index, **{field: bytes(value)})


def flipped_on_chain(scene, chance):
    """An event that does not fit the running history any more."""
    told = changed_on_chain(chance.choice(RECORDED + SIGNED), chance, scene.told())
    return audited(scene, told=told), Who.NOBODY, {Reason.HISTORY}


def flipped_by_all_sealers(scene, chance):
    """An event and a history that fits it: the accounts' signatures remain."""
    told = changed_on_chain(chance.choice(RECORDED + SIGNED), chance, scene.told()).adapted()
    audit = audited(scene, [], told=told)
    assert Reason.WRONG_ACCOUNT in {each.reason for each in audit.findings}
    kinds = {Reason.WRONG_ACCOUNT, Reason.RECORDS_MISSING}
    by_both = [each for each in audit.findings if each.reason == Reason.WRONG_ROOT]
    rest = [each for each in audit.findings if each.reason != Reason.WRONG_ROOT]
    assert len(by_both) <= 1
    return replace(audit, findings=tuple(rest)), Who.NOBODY, kinds


def flipped_signature_that_both_signed(scene, chance):
    """A leaf's signature, in records that both parties' accounts signed all the same."""
    told = scene.told()
    index = told.index("EpochRecorded")
    leaves = bytearray(
        scene.store.read(
            Cid(told.told[index].values["records"]), max_bytes=10**6, timeout_seconds=1
        )
    )
    leaf = chance.randrange(len(leaves) // LEAF_BYTES)
    leaves[leaf * LEAF_BYTES + chance.randrange(MOVE, LEAF_BYTES)] ^= chance.randrange(1, 256)
    audit = audited(scene, told=signed_anew(scene, told, bytes(leaves)))
    assert [each.step for each in audit.findings] == [scene.schedule.place(leaf).step]
    return audit, Who.BOTH, {"wrong-signature"}


def signed_anew(scene, told, leaves):
    """Let both accounts sign other leaves, as far as the chain tells."""
    index = told.index("EpochRecorded")
    given = replace(scene.given[0], root=root_of(leaves), records=scene.store.put([leaves]))
    return told.changed(
        index,
        root=given.root,
        records=given.records.digest,
        nodeSignature=scene.signature(NODE, given),
        providerSignature=scene.signature(PROVIDER, given),
    ).adapted()


KINDS = {
    "a message of the node's folder": flipped_message(NODE),
    "a message of the provider's folder": flipped_message(PROVIDER),
    "a body in the node's folder": flipped_body(NODE),
    "a body in the provider's folder": flipped_body(PROVIDER),
    "the node's records": flipped_records(NODE),
    "the provider's records": flipped_records(PROVIDER),
    "the node's checkpoint": flipped_checkpoint(NODE),
    "the provider's checkpoint": flipped_checkpoint(PROVIDER),
    "the published records": flipped_in_store,
    "an event": flipped_on_chain,
    "an event and the history": flipped_by_all_sealers,
    "a signature that both let pass": flipped_signature_that_both_signed,
}


def test_records_that_the_store_lost_are_taken_from_a_folder_and_name_nobody(whole):
    told = whole.told()
    name = Cid(told.told[told.index("EpochRecorded")].values["records"])
    content = whole.store.read(name, max_bytes=10**6, timeout_seconds=1)
    whole.store.drop(name)
    try:
        alone, helped = audited(whole, []), audited(whole)
    finally:
        whole.store.put([content])
    assert found(alone) == found(helped) == {(Reason.RECORDS_MISSING, Who.NOBODY)}
    assert alone.epochs[0].leaves is None
    assert alone.epochs[1].leaves == 8
    told = [each for each in helped.verdicts if (each.epoch, each.what) == (1, "activations")]
    assert len(told) == 3


def test_a_session_alone_a_contract_or_a_host_may_be_disclosed(whole):
    contract = whole.contract_folder(NODE)
    wanted = audited(whole, [whole.home(NODE)]).verdicts
    assert audited(whole, [contract]).verdicts == wanted
    assert audited(whole, [contract / whole.session.hex()]).verdicts == wanted


def test_a_folder_without_the_session_is_named(whole, tmp_path):
    audit = audited(whole, [tmp_path])
    assert audit.ok
    assert [(each.what, each.verdict) for each in audit.verdicts] == [("folder", UNVERIFIABLE)]


def moved_away(path):
    away = path.with_name("away")

    class Away:
        def __enter__(self):
            path.rename(away)

        def __exit__(self, *_):
            away.rename(path)

    return Away()


def test_without_keys_nobody_can_tell_whose_a_folder_is_unless_it_says_so(whole):
    progress = whole.contract_folder(NODE) / whole.session.hex() / "progress.json"
    with moved_away(whole.contract_folder(NODE) / FILE_NAME):
        (silent,) = audited(whole, [whole.home(NODE)]).verdicts
        progress.write_text('{"party": "node", "node": 1, "epochs": 2}')
        try:
            audit = audited(whole, [whole.home(NODE)])
        finally:
            progress.unlink()
    assert (silent.what, silent.who, silent.verdict) == ("folder", Who.NOBODY, UNVERIFIABLE)
    checkpoints = [each for each in audit.verdicts if each.what == "checkpoint"]
    assert [each.verdict for each in checkpoints] == [UNVERIFIABLE] * 2
    assert "its salt takes the party's keys" in checkpoints[0].detail


def test_an_audit_draws_no_keys(whole):
    with moved_away(whole.contract_folder(NODE) / FILE_NAME):
        audited(whole, [whole.home(NODE)])
        assert not (whole.contract_folder(NODE) / FILE_NAME).exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("messages", Reason.WITHHELD), ("snapshot-2.safetensors", Reason.WITHHELD)],
)
def test_what_the_plan_keeps_and_is_not_there_is_withheld(whole, name, reason):
    with moved_away(whole.journal_folder(PROVIDER, 2) / name):
        assert found(audited(whole)) == {(reason, Who.PROVIDER)}


def test_a_checkpoint_that_was_deleted_is_unverifiable(whole):
    with moved_away(whole.checkpoint(NODE, 2)):
        audit = audited(whole)
    assert audit.ok
    words = {
        each.verdict for each in audit.verdicts if (each.epoch, each.what) == (2, "checkpoint")
    }
    assert words == {REPRODUCED, UNVERIFIABLE}


def test_an_epoch_that_begins_with_another_state_than_the_last_ended_with_is_found(whole):
    path = whole.journal_folder(PROVIDER, 2) / "snapshot-0.safetensors"
    with Flip(path, random.Random(1), range(path.stat().st_size - 4, path.stat().st_size)):
        audit = audited(whole)
    assert found(audit) == {(Reason.WRONG_START, Who.PROVIDER)}
    assert audit.first_bad.epoch == 2


def test_a_snapshot_that_is_no_weights_file_any_more_is_found(whole):
    path = whole.journal_folder(NODE, 1) / "snapshot-2.safetensors"
    with Flip(path, random.Random(1), range(30)):
        assert found(audited(whole)) == {(Reason.JOURNAL_DAMAGED, Who.NODE)}


def test_another_plan_than_the_contracts_is_said(whole):
    opened = replace(whole.opened(), plan=replace(PLAN, deadline_seconds=99))
    audit = audit_split(opened, [], lambda _: None)
    assert found(audit) == {(Reason.PLAN, Who.NOBODY)}


def test_a_chain_that_holds_its_end_back_is_an_error(whole):
    told = whole.told()
    shorter = replace(told, told=told.told[:-1])
    newest = told.history()
    shorter.history = lambda: newest
    with pytest.raises(LedgerError, match="do not lead to the contract's own history"):
        audited(whole, told=shorter)


def test_before_a_break_in_the_history_epochs_are_still_checked(whole):
    told = whole.told()
    audit = audited(whole, told=told.changed(told.index("EpochRecorded", 2), steps=9))
    assert found(audit) == {(Reason.HISTORY, Who.NOBODY)}
    assert [each.epoch for each in audit.epochs] == [1]
    nothing = audited(whole, told=told.changed(0, plan=bytes(32)))
    assert found(nothing) == {(Reason.HISTORY, Who.NOBODY)}
    assert not nothing.epochs


BAD_LEAVES = {
    "one message too few": (lambda leaves, scene: leaves[:-1], "incomplete", Who.BOTH),
    "two changed places": (
        lambda leaves, scene: [leaves[1], leaves[0], *leaves[2:]],
        "not-canonical",
        Who.BOTH,
    ),
    "an order that the node signed": (
        lambda leaves, scene: [
            *leaves[:2],
            other(leaves[2], scene, previous=bytes(32)),
            *leaves[3:],
        ],
        "wrong-previous",
        Who.NODE,
    ),
    "an order that the provider signed": (
        lambda leaves, scene: [leaves[0], other(leaves[1], scene, previous=bytes(32)), *leaves[2:]],
        "wrong-previous",
        Who.PROVIDER,
    ),
    "another epoch's": (
        lambda leaves, scene: [other(leaves[0], scene, epoch=2), *leaves[1:]],
        "wrong-epoch",
        Who.BOTH,
    ),
}


def other(leaf, scene, **changes):
    """Let its sender sign another record in place of one."""
    record = replace(SignedRecord.decode(leaf).record, **changes)
    return SignedRecord.sign(record, scene.sign(record.phase.sender)).encode()


@pytest.mark.parametrize("which", BAD_LEAVES)
def test_leaves_that_may_not_be_convict_whoever_signed_them(short, which):
    spoil, reason, who = BAD_LEAVES[which]
    told = short.told()
    leaves = spoil(leaves_of(short, told), short)
    audit = audited(short, [], told=signed_anew(short, told, encode_records(leaves)))
    assert found(audit) == {(reason, who)}


def leaves_of(scene, told):
    name = Cid(told.told[told.index("EpochRecorded")].values["records"])
    content = scene.store.read(name, max_bytes=10**6, timeout_seconds=1)
    return [content[i : i + LEAF_BYTES] for i in range(0, len(content), LEAF_BYTES)]


def test_a_root_over_other_leaves_convicts_both(short):
    told = short.told()
    leaves = encode_records(leaves_of(short, told))
    given = replace(short.given[0], root=bytes(32))
    other_root = told.changed(
        told.index("EpochRecorded"),
        root=given.root,
        nodeSignature=short.signature(NODE, given),
        providerSignature=short.signature(PROVIDER, given),
    ).adapted()
    assert leaves
    assert found(audited(short, [], told=other_root)) == {(Reason.WRONG_ROOT, Who.BOTH)}


def test_two_records_of_one_message_convict_its_sender(short):
    told = short.told()
    leaves = leaves_of(short, told)
    leaves[-1] = other(leaves[-1], short, body=bytes(32))
    audit = audited(short, told=signed_anew(short, told, encode_records(leaves)))
    assert found(audit) == {(Reason.SIGNED_TWICE, Who.PROVIDER)}
    assert {each.step for each in audit.findings} == {4}


def test_a_body_that_should_have_been_refused_convicts_its_sender(tmp_path):
    class Spoiled(Scene):
        """The provider signs gradients that are no numbers."""

        def body(self, place, chance):
            body = super().body(place, chance)
            is_bad = place == Place(2, Phase.GRADIENTS)
            return body[:-4] + np.float32(np.nan).tobytes() if is_bad else body

    scene = Spoiled(tmp_path)
    scene.record(scene.play())
    audit = audited(scene)
    assert found(audit) == {("not-finite", Who.PROVIDER)}
    assert {each.step for each in audit.findings} == {2}


def test_a_key_with_which_anybody_can_sign_is_found_and_verifies_nothing(tmp_path):
    scene = Scene(tmp_path)
    keys = scene.keys[NODE]
    weak = Announcement(1, b"\x01" + bytes(31), keys.certificate, "", keys.expires)
    scene.ledger("node 1").announce(weak)
    scene.record(scene.play())
    assert found(audited(scene)) == {(Reason.WEAK_KEY, Who.NODE)}


def test_a_key_that_was_announced_after_the_epoch_does_not_count(tmp_path):
    scene = Scene(tmp_path)
    honest = dict(scene.keys)
    scene.keys[PROVIDER] = type(honest[PROVIDER]).create("late", 30)
    scene.record(scene.play())
    scene.chain.set_time(int(scene.chain.now()) + 60)
    late = scene.keys[PROVIDER]
    scene.ledger("header").announce(Announcement(0, late.key, late.certificate, "", late.expires))
    assert found(audited(scene, [])) == {("wrong-signature", Who.BOTH)}


def lone(scene, history, leaves, first_difference=0):
    content = encode_records(leaves)
    return LoneRecord(
        node=1,
        epoch=history.epoch,
        steps=history.schedule.steps,
        root=root_of(content),
        records=scene.store.put([content]),
        checkpoint=bytes(32),
        first_difference=first_difference,
    )


def disputed(tmp_path, of_node, of_provider):
    """Let the second epoch be recorded by each side alone, with leaves of its own."""
    scene = recorded(tmp_path, epochs=1)
    history = scene.play()
    for role, spoil in (("node 1", of_node), ("header", of_provider)):
        leaves = spoil(history.leaves(), scene)
        scene.ledger(role).record_alone(lone(scene, history, leaves, first_difference=2))
    return scene


def same(leaves, scene):
    return leaves


def unsigned(index):
    def spoil(leaves, scene):
        leaf = leaves[index]
        return [*leaves[:index], leaf[:-1] + bytes([leaf[-1] ^ 1]), *leaves[index + 1 :]]

    return spoil


def signed_other(index):
    def spoil(leaves, scene):
        changed = other(leaves[index], scene, body=bytes(32))
        return [*leaves[:index], changed, *leaves[index + 1 :]]

    return spoil


@pytest.mark.parametrize(
    ("of_node", "of_provider", "who"),
    [
        (same, unsigned(2), Who.PROVIDER),
        (unsigned(2), same, Who.NODE),
        (same, signed_other(7), Who.PROVIDER),
        (signed_other(7), same, Who.PROVIDER),
        (same, same, Who.NOBODY),
    ],
    ids=[
        "what the node has not signed",
        "what the node changed afterwards",
        "two signatures of the provider's, one shown by the node",
        "two signatures of the provider's, one shown by itself",
        "no difference",
    ],
)
def test_a_dispute_is_judged_by_the_signatures_where_the_histories_part(
    tmp_path, of_node, of_provider, who
):
    scene = disputed(tmp_path, of_node, of_provider)
    audit = audited(scene, [])
    (judged,) = (each for each in audit.findings if each.reason == Reason.DISPUTE)
    assert judged.who == who
    assert {each.who for each in audit.findings} == {who}
    assert [each.side for each in audit.alone] == [NODE, PROVIDER]
    assert all(each.stands and each.first_difference == 2 for each in audit.alone)


def test_a_dispute_of_one_side_convicts_nobody_and_ends_when_both_sign(tmp_path):
    scene = recorded(tmp_path, epochs=1)
    history = scene.play()
    scene.ledger("node 1").record_alone(lone(scene, history, history.leaves(), 3))
    standing = audited(scene, [])
    assert found(standing) == {(Reason.DISPUTE, Who.NOBODY)}
    assert standing.first_bad.step == 3
    scene.record(history)
    healed = audited(scene)
    assert healed.ok
    node = embedded_account("node 1").address
    assert healed.alone == (SaidAlone(1, 2, NODE, node, 3, stands=False),)


def test_silence_is_listed_and_a_root_that_one_side_made_up_convicts_it(tmp_path):
    scene = recorded(tmp_path, epochs=1)
    history = scene.play()
    scene.chain.set_time(int(scene.chain.now()) + 60)
    given = replace(lone(scene, history, history.leaves()), root=bytes(32))
    scene.ledger("header").record_alone(given)
    audit = audited(scene, [])
    assert found(audit) == {(Reason.WRONG_ROOT, Who.PROVIDER)}
    assert [(each.side, each.first_difference, each.stands) for each in audit.alone] == [
        (PROVIDER, 0, True)
    ]


def test_hand_overs_are_listed(whole, tmp_path):
    scene = recorded(tmp_path, epochs=1)
    scene.ledger("owner").register_node(2, embedded_account("node 2").address)
    given = HandOver(1, 2, 1, Cid(bytes(32)))
    scene.ledger("node 1").hand_on(given)
    audit = audited(scene)
    assert audit.hand_overs == (given,)
    assert len(audit.owner_acts) == 2
