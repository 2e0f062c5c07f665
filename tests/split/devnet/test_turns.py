"""Two data owners in turns: as one uncut model on one's batches and then the other's."""

from pathlib import Path

import pytest

from fl_node.cid import Cid
from fl_node.config import load_settings
from fl_node.connect import open_store
from fl_node.errors import SplitError
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.turns import _SEALED_FOR
from tests.crash.fuse import mark_of
from tests.split.devnet import small
from tests.split.devnet.conftest import Begin
from tests.split.devnet.cradle import Cradle
from tests.split.devnet.story import HEADER, KILLED, Story, host_of
from tests.split.devnet.whole import same, train, weights_in
from tests.split.devnet.wiring import at

pytestmark = pytest.mark.slow

FIRST, SECOND = host_of(1), host_of(2)
DUE = {
    FIRST: {"before it hands on": at(1), "after the hand-over is sent, not mined": at(2)},
    SECOND: {"after it took up": at(1)},
    HEADER: {"after the checkpoint": at(2)},
}
MOST_BYTES = 2**20


@pytest.fixture(scope="module")
def turns(begin: Begin) -> Story:
    story = begin(small.draft(nodes=2), due=DUE)
    story.start()
    story.keep()
    return story


def handed_on(story: Story) -> list[tuple[int, int, int]]:
    found = [each.hand_over for node in (1, 2) for each in story.log(node).hand_overs]
    return [(each.epoch, each.from_node, each.to_node) for each in found]


def sealed(story: Story, weights: Cid) -> bytes:
    home = story.network / HEADER
    store = open_store(home, load_settings(home, environment={}))
    return store.read(weights, max_bytes=MOST_BYTES, timeout_seconds=60)


def context(story: Story, *numbered: int) -> bytes:
    numbers = b"".join(each.to_bytes(4, "big") for each in numbered)
    return _SEALED_FOR + story.ledger.contract.lower().encode() + numbers


def test_kills_come_where_a_turn_ends_and_begins(turns: Story) -> None:
    for host, moments in DUE.items():
        for moment in moments:
            assert mark_of(turns.marks, host, moment).exists()
        codes = [life.process.poll() for life in turns.lives[host]]
        assert codes == [KILLED] * len(moments) + [0]


def test_both_in_turns_train_the_bits_of_the_uncut_model(
    turns: Story, cradle: Cradle, tmp_path: Path
) -> None:
    lower, upper = train(cradle, tmp_path, small.VANILLA, nodes=2)
    assert same(weights_in(turns.checkpoint(SECOND, small.EPOCHS, node=2)), lower)
    assert same(weights_in(turns.checkpoint(HEADER, small.EPOCHS, node=2)), upper)


def test_every_turn_is_recorded_and_handed_on(turns: Story) -> None:
    for node in (1, 2):
        assert len(turns.roots(node)) == small.EPOCHS
        assert turns.log(node).alone == ()
    # Who was killed before a hand-over was mined may do it again; the next one takes the last.
    assert set(handed_on(turns)) == {(1, 1, 2), (1, 2, 1), (2, 1, 2)}


def test_what_is_handed_on_is_the_givers_state_after_its_turn(turns: Story) -> None:
    for node, taker in ((1, SECOND), (2, FIRST)):
        for given in (each.hand_over for each in turns.log(node).hand_overs):
            numbers = given.from_node, given.to_node, given.epoch
            content = turns.keys(taker).open_sealed(
                sealed(turns, given.weights), context(turns, *numbers)
            )
            mine = turns.checkpoint(host_of(node), given.epoch, node=node)
            assert same(weights_in(content), weights_in(mine))


@pytest.mark.parametrize("who", ["the provider", "the giver", "a stranger"])
def test_nobody_else_opens_what_is_handed_on(turns: Story, who: str) -> None:
    keys = {
        "the provider": turns.keys(HEADER),
        "the giver": turns.keys(FIRST),
        "a stranger": SessionKeys.create("stranger", 1),
    }
    for given in (each.hand_over for each in turns.log(1).hand_overs):
        content = sealed(turns, given.weights)
        bound = context(turns, given.from_node, given.to_node, given.epoch)
        with pytest.raises(SplitError):
            keys[who].open_sealed(content, bound)


def test_what_is_handed_on_shows_no_weights(turns: Story) -> None:
    (first, *_) = turns.log(1).hand_overs
    content = sealed(turns, first.hand_over.weights)
    plain = weights_in(turns.checkpoint(FIRST, 1, node=1))
    assert not any(each.tobytes() in content for each in plain if each.nbytes > 16)


def test_it_opens_for_its_own_epoch_and_receiver_only(turns: Story) -> None:
    (first, *_) = turns.log(1).hand_overs
    given = first.hand_over
    content = sealed(turns, given.weights)
    for numbers in ((1, 2, 2), (2, 1, 1), (1, 3, 1)):
        with pytest.raises(SplitError):
            turns.keys(SECOND).open_sealed(content, context(turns, *numbers))
