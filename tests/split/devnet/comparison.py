"""What kills must not change: every message, every checkpoint, every root."""

from collections.abc import Iterator, Mapping, Sequence

from fl_node.split.record.history import History
from fl_node.split.record.merkle import Tree
from fl_node.split.record.phase import Party
from fl_node.split.record.schedule import Place, Schedule
from fl_node.split.record.signed import Record, SignedRecord
from tests.split.devnet.story import HEADER, Story, host_of


def assert_as_calm(story: Story, calm: Mapping[int, Sequence[bytes]], schedule: Schedule) -> None:
    """Compare with the leaves of a run to which nothing happened.

    A session's name and its keys are in every leaf, so they are made anew from the calm run's
    messages: each has the same body, in the same place, once.
    """
    seed = story.session()
    recorded = story.log()
    assert [each.record.epoch for each in recorded.epochs] == sorted(calm)
    assert recorded.alone == ()
    for epoch, leaves in sorted(calm.items()):
        wanted = list(expected(story, seed, epoch, leaves, schedule))
        for host in (HEADER, host_of(1)):
            assert story.leaves(host, epoch) == wanted, f"epoch {epoch} of {host}"
        seed = Tree(wanted).root
        assert recorded.epochs[epoch - 1].record.root == seed


def expected(
    story: Story, seed: bytes, epoch: int, leaves: Sequence[bytes], schedule: Schedule
) -> Iterator[bytes]:
    """Give an epoch's leaves as this session's parties must have signed them."""
    session = story.session()
    keys = {Party.PROVIDER: story.keys(HEADER), Party.NODE: story.keys(host_of(1))}
    history = History(session, epoch, seed, schedule)
    for leaf in leaves:
        told = SignedRecord.decode(leaf).record
        previous = history.previous(Place(told.step, told.phase))
        record = Record(session, epoch, told.step, told.phase, told.body, previous)
        signed = SignedRecord.sign(record, keys[told.phase.sender].sign)
        history.add(signed)
        yield signed.encode()
    assert history.is_complete
