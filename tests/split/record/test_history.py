import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.errors import SplitError
from fl_node.split.record.history import check_records
from fl_node.split.record.message import Message
from fl_node.split.record.phase import Party, Phase
from fl_node.split.record.refusal import Refusal, RefusedError
from fl_node.split.record.schedule import Place, Schedule
from fl_node.split.record.signed import SignedRecord
from tests.split.chronicle import (
    PEERS,
    SEED,
    SESSION,
    U_SHAPED,
    VANILLA,
    body_of,
    first,
    history,
    message_for,
    play,
    signer,
)

SCHEDULES = st.builds(
    Schedule, st.booleans(), st.integers(1, 6), st.integers(0, 4), st.integers(1, 4)
)


@given(SCHEDULES)
def test_the_leaves_of_an_epoch_are_counted_and_found_by_their_index(schedule):
    places = list(schedule.places())
    assert places == sorted(places)
    assert len(places) == schedule.size
    assert [schedule.place(index) for index in range(schedule.size)] == places
    assert all(map(schedule.has, places))
    for index in (-1, schedule.size):
        with pytest.raises(SplitError, match="leaves 0 to"):
            schedule.place(index)


@given(SCHEDULES)
def test_each_phase_has_its_steps(schedule):
    for phase in Phase:
        steps = [place.step for place in schedule.places() if place.phase is phase]
        assert list(schedule.steps_of(phase)) == steps
        assert (phase in schedule.all_phases()) == bool(steps)


def test_an_epoch_is_the_steps_that_the_words_say():
    assert [str(place) for place in VANILLA.places()] == [
        "step 1 activations",
        "step 1 gradients",
        "step 2 activations",
        "step 2 gradients",
        "step 3 activations",
        "step 3 gradients",
        "step 4 evaluation",
        "step 4 outputs",
        "step 5 evaluation",
        "step 5 outputs",
    ]
    assert [place.phase.label for place in U_SHAPED.places() if place.step == 2] == [
        "activations",
        "features",
        "feature-gradients",
        "gradients",
    ]


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, -1, 1), (1, 0, 0)])
def test_an_epoch_without_training_or_messages_is_none(numbers):
    with pytest.raises(SplitError, match="at least"):
        Schedule(False, *numbers)


@given(SCHEDULES, st.randoms())
def test_whatever_is_due_may_come_in_any_order_and_gives_one_tree(schedule, random):
    told, told_in_order = history(schedule), history(schedule)
    while not told.is_complete:
        place = random.choice([p for party in Party for p in told.due(party)])
        message = message_for(told, place)
        told.check(message, PEERS[place.phase.sender])
        told.add(message.signed)
        started = {each.step for each in schedule.places() if told.find(each)}
        finished = {s for s in started if told.find(Place(s, schedule.phases(s)[-1]))}
        assert len(started - finished) <= schedule.in_flight
    play(told_in_order)
    assert told.leaves() == told_in_order.leaves()
    assert told.tree().root == told_in_order.tree().root
    assert told.tree().size == schedule.size == len(told)
    assert not any(told.due(party) for party in Party)


@given(SCHEDULES)
def test_evaluation_waits_for_the_whole_training(schedule):
    told = history(schedule)
    for place in schedule.places():
        evaluates = any(each.phase is Phase.EVALUATION for each in told.due(Party.NODE))
        assert not evaluates or place.step > schedule.training_steps
        told.add(message_for(told, place).signed)


@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_each_record_names_the_one_it_waited_for(in_flight):
    schedule = dataclasses.replace(VANILLA, in_flight=in_flight)
    told = history(schedule)
    digests = dict.fromkeys(schedule.places())
    for message in play(told):
        record = message.record
        place = Place(record.step, record.phase)
        digests[place] = record.digest
        if record.phase in (Phase.GRADIENTS, Phase.OUTPUTS):
            expected = digests[
                Place(record.step, Phase(record.phase - 1 - 2 * (record.phase == 3)))
            ]
        elif record.step <= in_flight:
            expected = SEED
        else:
            back = record.step - in_flight
            last = Phase.GRADIENTS if back <= 3 else Phase.OUTPUTS
            expected = digests[Place(back, last)]
        assert record.previous == expected


def changed(message: Message, sender: Party = Party.NODE, **values) -> Message:
    """Change what a record says and have its sender sign it."""
    record = dataclasses.replace(message.record, **values)
    return Message(SignedRecord.sign(record, signer(sender)), message.body)


STEP_2 = Place(2, Phase.ACTIVATIONS)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda m: changed(m, session=bytes(32)), Refusal.WRONG_SESSION),
        (lambda m: changed(m, epoch=2), Refusal.WRONG_EPOCH),
        (lambda m: changed(m, step=3), Refusal.WRONG_STEP),
        (lambda m: changed(m, step=999), Refusal.WRONG_STEP),
        (lambda m: changed(m, step=1), Refusal.REPLAYED),
        (lambda m: changed(m, phase=Phase.EVALUATION), Refusal.WRONG_PHASE),
        (lambda m: changed(m, phase=Phase.FEATURE_GRADIENTS), Refusal.WRONG_PHASE),
        (lambda m: changed(m, phase=Phase.GRADIENTS), Refusal.WRONG_PHASE),
        (lambda m: changed(m, previous=bytes(32)), Refusal.WRONG_PREVIOUS),
        (lambda m: changed(m, Party.PROVIDER), Refusal.WRONG_SIGNATURE),
        (lambda m: changed(m, body=bytes(32)), Refusal.WRONG_DIGEST),
        (lambda m: Message(m.signed, m.body + b"\0"), Refusal.WRONG_DIGEST),
        (lambda m: Message(m.signed, b""), Refusal.WRONG_DIGEST),
    ],
)
def test_what_does_not_come_next_is_refused_by_name(change, refusal):
    told = history()
    play(told, until=STEP_2)
    message = message_for(told, STEP_2)
    told.check(message, PEERS[Party.NODE])
    with pytest.raises(RefusedError) as caught:
        told.check(change(message), PEERS[Party.NODE])
    assert caught.value.refusal is refusal
    assert caught.value.who == "the node"
    assert str(caught.value).startswith("the node was refused in epoch ")
    assert refusal.label in str(caught.value)
    told.check(message, PEERS[Party.NODE])


def test_a_refusal_says_who_where_what_was_expected_and_what_was_found():
    told = history()
    play(told, until=STEP_2)
    with pytest.raises(RefusedError) as caught:
        told.check(changed(message_for(told, STEP_2), step=3), PEERS[Party.NODE])
    assert str(caught.value) == (
        "the node was refused in epoch 1, step 3: wrong-step: "
        "step 2 activations was expected, found step 3 activations"
    )


def test_a_message_sent_twice_is_told_from_another_for_the_same_place():
    told = history()
    (message,) = play(told, until=first(Phase.GRADIENTS))
    with pytest.raises(RefusedError, match=r"replayed: .* found the same record"):
        told.check(message, PEERS[Party.NODE])
    with pytest.raises(RefusedError, match=r"replayed: .* found another record"):
        told.check(changed(message, body=bytes(32)), PEERS[Party.NODE])


def test_a_party_that_does_not_wait_for_the_answer_is_refused():
    told = history()
    (message,) = play(told, until=first(Phase.GRADIENTS))
    with pytest.raises(RefusedError, match="wrong-step: nothing before an answer was expected"):
        told.check(changed(message, step=2), PEERS[Party.NODE])


def test_a_phase_too_early_in_a_step_is_refused_as_a_phase():
    told = history(U_SHAPED)
    message = message_for(told, first(Phase.ACTIVATIONS))
    early = changed(message, phase=Phase.FEATURE_GRADIENTS)
    with pytest.raises(RefusedError, match="wrong-phase: step 1 activations was expected"):
        told.check(early, PEERS[Party.NODE])


def test_an_own_record_that_is_not_due_is_an_error():
    told = history()
    message = message_for(told, first(Phase.ACTIVATIONS))
    told.add(message.signed)
    for act in (
        lambda: told.add(message.signed),
        lambda: told.write(STEP_2, b"", signer(Party.NODE)),
        lambda: told.previous(STEP_2),
    ):
        with pytest.raises(SplitError, match=r"is not due|not there yet"):
            act()


@given(SCHEDULES, st.integers(1, 9), st.binary(min_size=32, max_size=32))
def test_published_records_are_checked_without_bodies(schedule, epoch, seed):
    told = history(schedule, epoch, seed)
    records = [message.signed for message in play(told)]
    tree = check_records(records, history(schedule, epoch, seed), PEERS)
    assert tree.root == told.tree().root
    with pytest.raises(SplitError, match="records, found"):
        check_records(records[:-1], history(schedule, epoch, seed), PEERS)


@given(SCHEDULES, st.data())
def test_published_records_of_which_one_was_changed_are_refused(schedule, data):
    records = [message.signed for message in play(history(schedule))]
    index = data.draw(st.integers(0, len(records) - 1))
    record = records[index].record
    which = data.draw(st.sampled_from(["body", "previous", "session"]))
    forged = dataclasses.replace(record, **{which: bytes(32)})
    by_itself = SignedRecord(forged, records[index].signature)
    by_its_sender = SignedRecord.sign(forged, signer(record.phase.sender))
    with pytest.raises(RefusedError, match="wrong-signature") as caught:
        check_records([*records[:index], by_itself], history(schedule), PEERS)
    assert caught.value.step == record.step
    if which == "body" and schedule.place(index) not in map(schedule.before, schedule.places()):
        return  # no record names it: only the root tells
    relinked = [*records[:index], by_its_sender, *records[index + 1 :]]
    with pytest.raises(RefusedError, match=r"wrong-previous|wrong-session"):
        check_records(relinked, history(schedule), PEERS)


def test_bodies_have_their_places_in_the_message():
    told = history()
    message = message_for(told, first(Phase.ACTIVATIONS))
    assert message.body == body_of(first(Phase.ACTIVATIONS))
    assert message.record.session == SESSION
