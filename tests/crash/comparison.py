"""What kills must not change: every tensor of every update, every global, who was in."""

from collections.abc import Collection, Mapping
from pathlib import Path

from fl_node.chain.timeline import Timeline
from fl_node.cid import Cid
from fl_node.federation import Federation
from fl_node.rounds import Terms
from tests.devnet.story import NODES, Story
from tests.small_federation import SmallFederation, small_federation


def assert_nothing_changed(
    story: Story, scratch: Path, rejected: Mapping[int, Collection[int]] | None = None
) -> None:
    """Compare with a run in one process in which nothing ever happens.

    :param rejected: nodes whose update was rubbish before the right one, by round
    """
    calm = calm_run(scratch / "calm", story.rounds)
    view, timeline = story.view(), story.timeline()
    assert timeline.complete
    for number in range(1, story.rounds + 1):
        log = timeline.rounds[number]
        refused = sorted(each.update.node for each in log.rejections)
        assert refused == sorted((rejected or {}).get(number, ())), f"round {number}"
        assert (sorted(log.updates), log.missing) == ([*NODES], []), f"round {number}"
        assert len(log.closings) == 1, f"round {number} was closed {len(log.closings)} times"
    expected = calm.timeline()
    for number in range(1, story.rounds + 1):
        _assert_same_tensors(number, (view, timeline), (calm.view("header"), expected))
    found = [str(timeline.model(number).weights) for number in range(story.rounds + 1)]
    assert found == [str(expected.model(number).weights) for number in range(story.rounds + 1)]
    assert story.audit().ok


def calm_run(folder: Path, rounds: int) -> SmallFederation:
    small = small_federation(folder, terms=Terms(rounds=rounds))
    for _ in range(rounds):
        small.run_round(*NODES)
    return small


def _assert_same_tensors(
    number: int, found: tuple[Federation, Timeline], expected: tuple[Federation, Timeline]
) -> None:
    def cid(timeline: Timeline, node: int) -> Cid:
        return timeline.rounds[number].updates[node].weights

    for node in NODES:
        mine = found[0].weights(cid(found[1], node))
        calm = expected[0].weights(cid(expected[1], node))
        assert mine.same_tensors(calm), f"round {number}, node {node}: other tensors"
