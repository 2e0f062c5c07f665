"""Whatever one byte is changed in, an audit finds it and says whose change it is."""

import random
from collections import Counter

import pytest

from fl_node.cid import Cid
from fl_node.split.audit.finding import (
    Reason,
    Who,
    falsified,
)
from fl_node.split.audit.messages import KeptMessages
from fl_node.split.record.phase import Phase
from fl_node.split.record.signed import LEAF_BYTES
from tests.split.audit_acts import (
    Flip,
    audited,
    signed_anew,
)
from tests.split.audit_scene import (
    NODE,
    PROVIDER,
    recorded,
)

FLIPS = 1000
SIGNATURE_AT = 105  # where a leaf's signature begins


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """One epoch, for many audits."""
    return recorded(tmp_path_factory.mktemp("short"), epochs=1)


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
    return audited(scene, told=told), Who.NOBODY, {Reason.WRONG_ACCOUNT}


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
    leaves[leaf * LEAF_BYTES + chance.randrange(SIGNATURE_AT, LEAF_BYTES)] ^= chance.randrange(
        1, 256
    )
    audit = audited(scene, told=signed_anew(scene, told, bytes(leaves)))
    assert [each.step for each in audit.findings] == [scene.schedule.place(leaf).step]
    return audit, Who.BOTH, {"wrong-signature"}


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
