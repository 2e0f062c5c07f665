"""The events of split learning fold into what the contract holds, and whoever alters them shows."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from fl_node.chain.embedded import EmbeddedChain
from fl_node.chain.epoch_signature import recover_epoch
from fl_node.chain.epochs import EVERYONE, Side
from fl_node.chain.history import HistoryBreak, first_session_break
from fl_node.chain.interface import split_session
from fl_node.chain.session_timeline import read_session_timeline, session_timeline_of
from fl_node.errors import LedgerError
from tests.chain.scene import ROLES, address
from tests.chain.session_scene import (
    PLAN,
    PROVIDER,
    SPARE,
    TERMS,
    SessionScene,
    announcement,
    deployed,
    handed,
    lone,
    record,
    whole_life,
)


def born() -> SessionScene:
    chain = EmbeddedChain([address(role) for role in ROLES], 1_700_000_000, lambda: 0)
    return deployed(chain, lambda seconds: chain.set_time(int(chain.now()) + seconds))


@pytest.fixture
def started() -> SessionScene:
    scene = born()
    scene.start()
    return scene


@pytest.fixture(scope="module")
def life() -> SessionScene:
    scene = born()
    scene.start()
    whole_life(scene)
    return scene


@pytest.fixture(scope="module")
def events(life):
    return list(life.ledger(None).events())


@pytest.fixture(scope="module")
def timeline(life):
    return read_session_timeline(life.ledger(None))


@pytest.fixture
def broken_at(life) -> Callable[..., HistoryBreak | None]:
    return lambda events: first_session_break(events, life.connection.chain_id, life.contract)


def test_the_life_has_every_kind_of_event(events):
    assert {event.kind for event in events} == set(split_session().event_names.values())


def test_a_timeline_says_what_the_contract_says(life, timeline):
    ledger = life.ledger(None)
    assert (timeline.plan, timeline.terms) == (PLAN, TERMS)
    assert (timeline.owner, timeline.provider) == (ledger.owner(), ledger.provider())
    assert timeline.history == ledger.history()
    assert timeline.accounts == {0: address(SPARE), 1: address("node 1")}
    found = ledger.session(1)
    assert (len(timeline.sessions[1].epochs), timeline.sessions[2].account) == (found.epochs, None)
    assert timeline.sessions[1].epochs[-1].timestamp == found.since
    kinds = ["NodeRegistered", "NodeRegistered", "ProviderSet", "NodeRemoved"]
    assert [event.kind for event in timeline.owner_acts] == kinds


def test_every_record_is_there_with_signatures_that_an_audit_can_check(life, timeline):
    for epoch, recorded in enumerate(timeline.sessions[1].epochs, 1):
        assert recorded.record == record(1, epoch, steps=468 + epoch)
        named = recorded.record, life.connection.chain_id, life.contract
        for account, signature in (
            (recorded.node_account, recorded.node_signature),
            (recorded.provider_account, recorded.provider_signature),
        ):
            assert recover_epoch(named[0], signature, *named[1:]) == account
    assert [each.provider_account for each in timeline.sessions[1].epochs] == [
        address(PROVIDER)
    ] * 2


def test_what_one_side_said_stays_when_it_was_healed(timeline):
    log = timeline.sessions[1]
    assert [each.side for each in log.alone] == [Side.NODE, Side.PROVIDER, Side.PROVIDER]
    assert [each.record for each in log.disputes] == [lone(1, 2, first_difference=5)] * 2
    assert [each.record for each in log.one_sided] == [lone(1, 2)]
    assert [each.by for each in log.alone] == [address("node 1"), *[address(PROVIDER)] * 2]
    assert (log.standing, log.last_words) == ((), {})


def test_what_one_side_said_of_the_next_epoch_stands(started):
    started.ledger("node 1").record_alone(lone(1, 1, first_difference=2))
    log = read_session_timeline(started.ledger(None)).sessions[1]
    assert [each.record for each in log.standing] == [lone(1, 1, first_difference=2)]


def test_a_dispute_is_a_sides_last_word_after_it_recorded_silence(started):
    started.announce()
    started.wait(TERMS.deadline_seconds)
    said = lone(1), replace(lone(1, first_difference=4), root=b"o" * 32)
    for each in said:
        started.ledger(PROVIDER).record_alone(each)
    log = read_session_timeline(started.ledger(None)).sessions[1]
    assert tuple(each.record for each in log.standing) == said
    assert {side: each.record for side, each in log.last_words.items()} == {Side.PROVIDER: said[1]}


@pytest.mark.parametrize(("first", "second"), [(0, 0), (5, 0), (5, 5), (5, 6)])
def test_a_side_that_says_more_than_it_may_is_refused(events, first, second):
    index = [event.kind for event in events].index("RecordedAlone")
    said = [
        replace(events[index], values={**events[index].values, "firstDifference": each})
        for each in (first, second)
    ]
    with pytest.raises(LedgerError, match=r"the chain's RecordedAlone at block .* does not follow"):
        session_timeline_of([*events[:index], *said])


def test_a_part_that_was_handed_on_is_with_the_node_that_gave_it(timeline):
    given = [handed(1, 2, 2), handed(1, EVERYONE, 1)]
    assert [each.hand_over for each in timeline.sessions[1].hand_overs] == given
    assert timeline.sessions[2].hand_overs == ()


def test_a_party_is_reached_by_its_last_announcement_while_it_holds(started):
    started.announce()
    newer = announcement(1, endpoint="127.0.0.1:7001", expires=1_800_000_000)
    started.ledger("node 1").announce(newer)
    found = read_session_timeline(started.ledger(None))
    assert found.announcement(1, 1_799_999_999) == newer
    assert found.announcement(1, 1_800_000_000) is None
    assert found.announcement(0, 1_800_000_000) == announcement(0)
    assert found.announcement(2, 0) is None
    assert found.announcement(9, 0) is None
    assert len(found.sessions[1].announcements) == 2


def test_what_an_earlier_account_announced_reaches_nobody(started):
    started.announce()
    owner = started.ledger("owner")
    owner.remove_node(1)
    owner.set_provider(address(SPARE))
    removed = read_session_timeline(started.ledger(None))
    owner.register_node(1, address("node 3"))
    again = read_session_timeline(started.ledger(None))
    for found in (removed, again):
        assert [found.announcement(node, 0) for node in (0, 1)] == [None, None]


def test_an_endpoint_that_is_no_text_spoils_nobodys_reading(started):
    ledger = started.ledger("node 1")
    ledger._contract.send("announce", 1, b"k" * 32, b"", b"\xff\xfe", 2**39)
    assert read_session_timeline(ledger).announcement(1, 0).endpoint == "\ufffd\ufffd"


def test_it_is_complete_when_every_node_is(started):
    for epoch in (1, 2, 3):
        assert not read_session_timeline(started.ledger(None)).complete
        started.record(1, epoch)
    assert not read_session_timeline(started.ledger(None)).complete
    started.ledger("owner").remove_node(2)
    found = read_session_timeline(started.ledger(None))
    assert found.complete
    assert (found.node_of(address("node 1")), found.node_of(address(PROVIDER))) == (1, 0)
    assert (found.node_of(address("node 2")), found.node_of(None)) == (None, None)
    assert not read_session_timeline(born().ledger(None)).complete


def test_without_a_contract_there_is_no_timeline():
    with pytest.raises(LedgerError, match="no split session at this address"):
        session_timeline_of([])


OUT_OF_PLACE = {
    "an epoch before its turn": ("EpochRecorded", {"epoch": 2}),
    "an epoch of nobody": ("EpochRecorded", {"nodeId": 7}),
    "a lone record before its turn": ("RecordedAlone", {"epoch": 3}),
    "a side that there is not": ("RecordedAlone", {"side": 2}),
    "a hand-over to nobody": ("HandedOn", {"toNode": 7}),
    "a hand-over too early": ("HandedOn", {"epoch": 3}),
    "a hand-over to everyone too early": ("HandedOn", {"toNode": 0, "epoch": 3}),
    "a hand-over to everyone by nobody": ("HandedOn", {"toNode": 0, "fromNode": 7}),
    "a removal of nobody": ("NodeRemoved", {"nodeId": 7}),
    "an announcement of nobody": ("Announced", {"nodeId": 7}),
}


@pytest.mark.parametrize(("kind", "changes"), OUT_OF_PLACE.values(), ids=OUT_OF_PLACE)
def test_events_that_do_not_fit_each_other_are_refused(events, kind, changes):
    index = [event.kind for event in events].index(kind)
    spoiled = replace(events[index], values={**events[index].values, **changes})
    with pytest.raises(LedgerError, match=f"the chain's {kind} at block .* does not follow"):
        session_timeline_of([*events[:index], spoiled])


def test_the_whole_list_and_all_its_beginnings_hold(events, broken_at):
    for length in range(len(events) + 1):
        assert broken_at(events[:length]) is None


def test_a_dropped_event_is_found_at_the_one_after_it(events, broken_at):
    for index in range(len(events) - 1):
        assert broken_at(events[:index] + events[index + 1 :]).index == index


def test_two_swapped_events_are_found_at_the_first(events, broken_at):
    for index in range(len(events) - 1):
        one, other = events[index : index + 2]
        assert broken_at([*events[:index], other, one, *events[index + 2 :]]).index == index


def test_a_field_that_was_altered_is_found_at_its_event(events, broken_at):
    looked = set()
    for index, event in enumerate(events):
        for name, value in event.values.items():
            spoiled = replace(event, values={**event.values, name: _altered(value)})
            looked.add((event.kind, name))
            assert broken_at([*events[:index], spoiled]).index == index, (event.kind, name)
    abi = [entry for entry in split_session().artifact.abi if entry["type"] == "event"]
    assert len(looked) == sum(len(entry["inputs"]) for entry in abi)


def test_events_of_another_chain_or_contract_are_found_at_once(life, events):
    chain_id = life.connection.chain_id
    assert first_session_break(events, chain_id + 1, life.contract).index == 0
    assert first_session_break(events, chain_id, "0x" + "22" * 20).index == 0


def _altered(value):
    """Another value of the same type."""
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, tuple):
        return (*value[:-1], value[-1] + 1)
    return "0x" + "11" * 20
