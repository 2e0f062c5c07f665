"""The history: whoever drops, moves, alters or repeats an event is found at that event."""

from dataclasses import replace

import pytest

from fl_node.chain.artifact import federation_artifact
from fl_node.chain.history import HistoryBreak, first_break
from tests.chain.life import born
from tests.chain.test_timeline import live

# Every kind of event, some of them in every form that they have.
LIFE = (
    "register 1, register 2, set_header, set_terms 2, extend, set_terms 0, register 3, start, "
    "submit 1, reject 1, submit 1, close, submit 2, replace 2, submit 2, close, "
    "set_terms 2, reopen, twice, submit 3, close, dispute 3, attest 1, override 2, "
    "attest 1, attest 2, register 4, submit 1, remove 4, reopen, twice, submit 3, close, "
    "attest 3, extend"
)


@pytest.fixture(scope="module")
def life():
    made = born()
    live(made, LIFE)
    return made


@pytest.fixture(scope="module")
def events(life):
    return list(life.as_("owner").events())


@pytest.fixture
def broken_at(life):
    def look(events):
        return first_break(events, life.chain.web3.eth.chain_id, life.federation)

    return look


def test_the_life_has_every_kind_of_event(events):
    kinds = {entry["name"] for entry in federation_artifact().abi if entry["type"] == "event"}
    assert {event.kind for event in events} == kinds


def test_the_whole_list_and_all_its_beginnings_hold(events, broken_at):
    for length in range(len(events) + 1):
        assert broken_at(events[:length]) is None


def test_the_last_digest_is_the_contracts_own(life, events):
    assert life.as_("owner").snapshot().history == events[-1].values["history"]


def test_a_dropped_event_is_found_at_the_one_after_it(events, broken_at):
    for index, event in enumerate(events[:-1]):
        found = broken_at(events[:index] + events[index + 1 :])
        if event.kind == "Attested":  # attestations are tolerated, and may be left out
            assert found is None
        else:
            after = index + 1
            assert found.index == index
            assert found.kind == events[after].kind


def test_two_swapped_events_are_found_at_the_first(events, broken_at):
    for index in range(len(events) - 1):
        one, other = events[index : index + 2]
        if one.kind == other.kind == "Attested":
            continue
        found = broken_at([*events[:index], other, one, *events[index + 2 :]])
        # What follows an attestation does so without it; the attestation then saw too little.
        assert found.index == (index + 1 if one.kind == "Attested" else index)


def test_an_event_twice_is_found_at_its_second_time(events, broken_at):
    for index, event in enumerate(events):
        found = broken_at([*events[: index + 1], *events[index:]])
        if event.kind == "Attested":
            assert found is None
        else:
            assert found.index == index + 1


def test_an_event_said_again_at_the_end_is_found(events, broken_at):
    for event in events[:-1]:
        found = broken_at([*events, event])
        newest = events[-1].values["history"]
        if event.kind == "Attested" and event.values["history"] == newest:
            assert found is None
        else:
            assert found.index == len(events)


def altered(value):
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, tuple):
        return (*value[:-1], value[-1] + 1)
    return "0x" + "11" * 20


def test_a_field_that_was_altered_is_found_at_its_event(events, broken_at):
    looked = set()
    for index, event in enumerate(events):
        for name, value in event.values.items():
            spoiled = replace(event, values={**event.values, name: altered(value)})
            found = broken_at([*events[:index], spoiled, *events[index + 1 :]])
            looked.add((event.kind, name))
            if event.kind == "Attested" and name != "history":  # under the node's signature only
                assert found is None
            else:
                assert found.index == index, (event.kind, name)
    assert len(looked) == sum(
        len(entry["inputs"]) for entry in federation_artifact().abi if entry["type"] == "event"
    )


def test_every_single_term_is_under_the_digest(events, broken_at):
    for index, event in enumerate(events):
        for place, value in enumerate(event.values.get("terms", ())):
            terms = list(event.values["terms"])
            terms[place] = value + 1
            spoiled = replace(event, values={**event.values, "terms": tuple(terms)})
            assert broken_at([*events[:index], spoiled]).index == index


def test_a_break_tells_what_was_expected_and_what_was_found(events, broken_at):
    spoiled = replace(events[2], values={**events[2].values, "history": b"x" * 32})
    found = broken_at([*events[:2], spoiled, *events[3:]])
    assert found == HistoryBreak(2, "NodeRegistered", events[2].values["history"], b"x" * 32)


def test_another_kind_with_the_same_fields_is_found(events, broken_at):
    index = [event.kind for event in events].index("Extended")
    posing = replace(events[index], kind="Reopened")
    posing = replace(posing, values={"round": events[index].values["rounds"], **posing.values})
    assert broken_at([*events[:index], posing]).index == index


@pytest.mark.parametrize("wrong", ["chain", "address"])
def test_events_of_another_chain_or_contract_are_found_at_once(life, events, wrong):
    chain_id, federation = life.chain.web3.eth.chain_id, life.federation
    other = (chain_id + 1, federation) if wrong == "chain" else (chain_id, "0x" + "22" * 20)
    assert first_break(events, *other).index == 0


def test_a_list_that_starts_over_is_found_at_its_second_creation(events, broken_at):
    for cut in range(1, len(events)):
        assert broken_at([*events[:cut], *events]).index == cut
