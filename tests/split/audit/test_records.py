"""What both parties' accounts signed all the same, and whom it convicts."""

from dataclasses import replace

import numpy as np
import pytest

from fl_node.chain.epochs import Announcement
from fl_node.split.audit.finding import (
    Reason,
    Who,
)
from fl_node.split.record.phase import Phase
from fl_node.split.record.records import encode_records
from fl_node.split.record.schedule import Place
from tests.split.audit_acts import (
    audited,
    found,
    leaves_of,
    other,
    signed_anew,
)
from tests.split.audit_scene import (
    NODE,
    PROVIDER,
    Scene,
    recorded,
)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """One epoch, for many audits."""
    return recorded(tmp_path_factory.mktemp("short"), epochs=1)


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


@pytest.mark.parametrize("which", BAD_LEAVES)
def test_leaves_that_may_not_be_convict_whoever_signed_them(short, which):
    spoil, reason, who = BAD_LEAVES[which]
    told = short.told()
    leaves = spoil(leaves_of(short, told), short)
    audit = audited(short, [], told=signed_anew(short, told, encode_records(leaves)))
    assert found(audit) == {(reason, who)}


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
