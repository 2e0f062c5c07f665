"""Two processes on a real network give what the uncut model gives in one."""

from pathlib import Path

import pytest

from tests.split.devnet import small
from tests.split.devnet.cradle import Cradle
from tests.split.devnet.story import HEADER, Story, host_of
from tests.split.devnet.whole import same, train, weights_in

pytestmark = pytest.mark.slow


def test_both_parties_end_with_the_weights_of_the_uncut_model(
    calm: Story, cradle: Cradle, tmp_path: Path
) -> None:
    lower, upper = train(cradle, tmp_path, small.VANILLA)
    assert same(weights_in(calm.checkpoint(host_of(1), small.EPOCHS)), lower)
    assert same(weights_in(calm.checkpoint(HEADER, small.EPOCHS)), upper)


def test_every_epoch_is_recorded_once_with_a_root_over_the_same_leaves(calm: Story) -> None:
    log = calm.log()
    assert [each.record.steps for each in log.epochs] == [10] * small.EPOCHS
    assert log.alone == ()
    assert len(set(calm.roots())) == small.EPOCHS
    for epoch in range(1, small.EPOCHS + 1):
        mine, theirs = (calm.leaves(host, epoch) for host in (HEADER, host_of(1)))
        assert mine == theirs
        assert len(mine) == small.schedule(small.VANILLA).size


def test_each_party_lives_once_and_says_what_was_recorded(calm: Story) -> None:
    for host in calm.hosts:
        assert len(calm.lives[host]) == 1
        for epoch, root in enumerate(calm.roots(), 1):
            said = f"node 1: epoch {epoch} of {small.EPOCHS} is recorded, root {root.hex()[:16]}"
            assert said in calm.newest(host).text
