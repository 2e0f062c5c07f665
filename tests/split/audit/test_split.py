"""What an audit says of folders, of a chain, and of what nobody changed."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from aggregator.shares import average_shares
from fl_node.chain.embedded import embedded_account
from fl_node.chain.epochs import EVERYONE, HandOver
from fl_node.cid import Cid
from fl_node.errors import LedgerError
from fl_node.split.audit.finding import (
    CONTRADICTED,
    REPRODUCED,
    UNVERIFIABLE,
    Reason,
    Who,
)
from fl_node.split.audit.split import PROVES, audit_split
from fl_node.split.audit.words import split_audit_lines
from fl_node.split.channel.keys import FILE_NAME
from tests.split.audit_acts import (
    Flip,
    audited,
    found,
)
from tests.split.audit_scene import (
    NODE,
    PLAN,
    PROVIDER,
    U_SHAPED,
    recorded,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two epochs; who changes something puts it back."""
    return recorded(tmp_path_factory.mktemp("whole"))


def content_of(folder: Path):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


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
    audit = audit_split(opened, [], lambda _: None, average=average_shares)
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


def test_hand_overs_are_listed(whole, tmp_path):
    scene = recorded(tmp_path, epochs=1)
    scene.ledger("owner").register_node(2, embedded_account("node 2").address)
    given = HandOver(1, 2, 1, Cid(bytes(32))), HandOver(1, EVERYONE, 1, Cid(bytes(32)))
    for each in given:
        scene.ledger("node 1").hand_on(each)
    audit = audited(scene)
    assert audit.hand_overs == given
    assert [line for line in split_audit_lines(audit) if "handed" in line] == [
        "epoch 1: node 1 handed its part to node 2",
        "epoch 1: node 1 handed its part to every other node",
    ]
    assert len(audit.owner_acts) == 2
