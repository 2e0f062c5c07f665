"""What one side alone recorded, and whom the signatures convict where histories part."""

from dataclasses import replace

import pytest

from fl_node.chain.embedded import embedded_account
from fl_node.chain.epochs import LoneRecord
from fl_node.split.audit.disputes import SaidAlone
from fl_node.split.audit.finding import (
    Reason,
    Who,
)
from fl_node.split.audit.records import root_of
from fl_node.split.audit.words import split_audit_document, split_audit_lines
from fl_node.split.record.records import encode_records
from fl_node.split.record.refusal import Refusal
from tests.split.audit_acts import (
    audited,
    found,
    other,
)
from tests.split.audit_scene import (
    NODE,
    PROVIDER,
    recorded,
)


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
    root = history.tree().root.hex()
    assert healed.alone == (SaidAlone(1, 2, NODE, node, root, 3, stands=False),)


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


def silenced(tmp_path, then, before=same, step=2):
    """Let the provider record the second epoch as silence, and then as a dispute."""
    scene = recorded(tmp_path, epochs=1)
    history = scene.play()
    scene.chain.set_time(int(scene.chain.now()) + 60)
    given = [
        lone(scene, history, before(history.leaves(), scene)),
        lone(scene, history, then(history.leaves(), scene), step),
    ]
    for each in given:
        scene.ledger("header").record_alone(each)
    return scene, history, given


def test_a_dispute_after_silence_stands_and_is_judged_like_any(tmp_path):
    scene, history, _ = silenced(tmp_path, then=same)
    lie = lone(scene, history, unsigned(2)(history.leaves(), scene), first_difference=2)
    scene.ledger("node 1").record_alone(lie)
    audit = audited(scene, [])
    assert found(audit) == {
        (Reason.DISPUTE, Who.NODE),
        (Refusal.WRONG_SIGNATURE.label, Who.NODE),
    }
    assert len(audit.findings) == 2
    assert [(each.side, each.first_difference, each.stands) for each in audit.alone] == [
        (PROVIDER, 0, False),
        (PROVIDER, 2, True),
        (NODE, 2, True),
    ]


def test_a_dispute_of_what_was_recorded_as_silence_says_nothing_new_of_its_root(tmp_path):
    scene, _, _ = silenced(tmp_path, then=same)
    audit = audited(scene, [])
    assert [(each.reason, each.who) for each in audit.findings] == [(Reason.DISPUTE, Who.NOBODY)]


@pytest.mark.parametrize(
    ("before", "then", "others"),
    [
        (same, signed_other(7), {(Reason.SIGNED_TWICE, Who.PROVIDER)}),
        (signed_other(7), same, {(Reason.SIGNED_TWICE, Who.PROVIDER)}),
        (same, signed_other(2), {(Reason.SIGNED_TWICE, Who.NODE)}),
        (same, unsigned(2), {(Refusal.WRONG_SIGNATURE.label, Who.PROVIDER)}),
        (unsigned(2), same, {(Refusal.WRONG_SIGNATURE.label, Who.PROVIDER)}),
    ],
    ids=[
        "it signed another record of its own",
        "it had signed another record of its own",
        "it shows two records that the node signed",
        "it shows what the node has not signed",
        "it had shown what the node has not signed",
    ],
)
def test_who_disputes_with_another_root_than_it_recorded_as_silence_is_convicted(
    tmp_path, before, then, others
):
    scene, _, given = silenced(tmp_path, then, before)
    audit = audited(scene, [])
    expected = {(Reason.OTHER_ROOT, Who.PROVIDER), (Reason.DISPUTE, Who.NOBODY)} | others
    assert expected <= found(audit)
    (finding,) = (each for each in audit.findings if each.reason == Reason.OTHER_ROOT)
    roots = [each.root.hex() for each in given]
    assert all(root in finding.detail for root in roots)
    assert [each.root for each in audit.alone] == roots
    assert [each["root"] for each in split_audit_document(audit)["alone"]] == roots
    assert [line for line in split_audit_lines(audit) if " recorded it: " in line] == [
        f"node 1, epoch 2: the provider recorded it: alone, its root {roots[0]}",
        f"node 1, epoch 2: the provider recorded it: a dispute from step 2, its root {roots[1]}",
    ]


def test_another_root_of_another_account_convicts_nobody(tmp_path):
    scene = recorded(tmp_path, epochs=1)
    history = scene.play()
    scene.chain.set_time(int(scene.chain.now()) + 60)
    scene.ledger("header").record_alone(lone(scene, history, history.leaves()))
    scene.ledger("owner").set_provider(embedded_account("node 5").address)
    other_root = replace(lone(scene, history, history.leaves(), 2), root=bytes(32))
    scene.ledger("node 5").record_alone(other_root)
    findings = audited(scene, []).findings
    assert [each.who for each in findings if each.reason == Reason.OTHER_ROOT] == [Who.NOBODY]


def test_two_roots_convict_their_side_even_where_the_first_ones_records_are_gone(tmp_path):
    scene, _, (first, _) = silenced(tmp_path, then=same, before=signed_other(7))
    scene.store.drop(first.records)
    audit = audited(scene, [])
    assert (Reason.RECORDS_MISSING, Who.NOBODY) in found(audit)
    assert (Reason.OTHER_ROOT, Who.PROVIDER) in found(audit)


def test_a_dispute_after_silence_ends_when_both_sign(tmp_path):
    scene, history, given = silenced(tmp_path, then=signed_other(7))
    scene.record(history)
    healed = audited(scene)
    assert healed.ok
    assert [(each.root, each.stands) for each in healed.alone] == [
        (each.root.hex(), False) for each in given
    ]


def test_two_roots_of_two_silences_are_judged_without_a_dispute(tmp_path):
    scene = recorded(tmp_path, epochs=1)
    history = scene.play()
    scene.chain.set_time(int(scene.chain.now()) + 60)
    for role, spoil in (("node 1", same), ("header", signed_other(7))):
        scene.ledger(role).record_alone(lone(scene, history, spoil(history.leaves(), scene)))
    audit = audited(scene, [])
    assert (Reason.DISPUTE, Who.PROVIDER) in found(audit)
    assert {each.who for each in audit.findings} == {Who.PROVIDER}


def test_one_root_of_two_silences_is_no_dispute(tmp_path):
    scene = recorded(tmp_path, epochs=1)
    history = scene.play()
    scene.chain.set_time(int(scene.chain.now()) + 60)
    for role in ("node 1", "header"):
        scene.ledger(role).record_alone(lone(scene, history, history.leaves()))
    assert audited(scene, []).ok
