from itertools import pairwise

import pytest

from fl_node.canonical import decode_json, encode_json
from fl_node.cid import Cid
from fl_node.rounds import (
    Global,
    Reason,
    RoundState,
    Terms,
    global_metadata,
    state_metadata,
    update_metadata,
)

CID = Cid(bytes(32))


def state(received: int, closable_at: int = 0) -> RoundState:
    return RoundState(
        number=3,
        opening=4,
        members=5,
        received=received,
        attested=0,
        opened_at=1000,
        closable_at=closable_at,
        final=True,
    )


TERMS = Terms(target=4, quorum=2, round_seconds=60)


@pytest.mark.parametrize(
    ("received", "closable_at", "now", "since"),
    [
        (0, 0, 1000, None),
        (1, 0, 5000, None),  # past the deadline, below the quorum
        (2, 0, 1059.9, None),  # before the deadline
        (2, 0, 1060, 1060),  # at the deadline: since the deadline
        (3, 0, 5000, 1060),
        (4, 1010, 1010, 1010),  # target reached: since then
        (4, 1010, 5000, 1010),
        (2, 1100, 5000, 1100),  # the quorum came after the deadline
    ],
)
def test_a_round_is_closable_since_its_target_or_its_deadline(received, closable_at, now, since):
    assert state(received, closable_at).closable_since(TERMS, now) == since


def test_the_target_is_every_member_unless_the_terms_name_one():
    assert state(0).target(TERMS) == 4
    assert state(0).target(Terms(target=0)) == 5


def test_the_deadline_runs_from_the_opening():
    assert state(0).deadline(TERMS) == 1060


def test_reasons_are_numbered_without_gaps_and_labelled_in_kebab_case():
    assert [int(reason) for reason in Reason] == list(range(len(Reason)))
    assert [reason.label for reason in Reason] == [
        "unavailable",
        "too-large",
        "digest-mismatch",
        "not-canonical",
        "record-mismatch",
        "wrong-structure",
        "integer-changed",
        "not-finite",
        "bad-samples",
        "norm-exceeded",
    ]


def test_the_metadata_of_updates_globals_and_states_differ_and_are_json():
    update = update_metadata(1337, "0xF", 3, Global(2, CID, None), 1, 10, {"loss": None})
    kinds = [update, global_metadata(), state_metadata()]
    assert all(decode_json(encode_json(metadata)) == metadata for metadata in kinds)
    assert all(one["kind"] != other["kind"] for one, other in pairwise(kinds))


def test_a_global_tells_neither_who_nor_when():
    assert global_metadata() == {"format": 1, "kind": "global"}
    assert state_metadata() == {"format": 1, "kind": "strategy-state"}


def test_an_update_tells_all_that_the_chain_records_and_its_metrics():
    base = Global(2, CID, None)
    assert update_metadata(1337, "0xF", 3, base, 1, 10, {"loss": 0.5}) == {
        "format": 1,
        "kind": "update",
        "envelope": "plain/1",
        "chain_id": 1337,
        "federation": "0xF",
        "round": 3,
        "base": 2,
        "base_weights": str(CID),
        "node": 1,
        "samples": 10,
        "metrics": {"loss": 0.5},
    }
