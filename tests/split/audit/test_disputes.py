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
from fl_node.split.record.records import encode_records
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
