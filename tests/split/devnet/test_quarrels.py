"""Strangers, liars, and parties that fall silent: who is told what, and what the chain holds.

One contract sees it all, one act after the other; after each, honest parties go on from there.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from fl_node.chain.epochs import PROVIDER, Side
from fl_node.chain.session_timeline import RecordedAlone, SessionLog
from fl_node.errors import ChannelClosedError, ChannelRefusedError
from fl_node.split.channel.client import connect
from fl_node.split.channel.keys import SessionKeys
from tests.split.devnet import small
from tests.split.devnet.conftest import Begin
from tests.split.devnet.misdeeds import CHANGED_AT, TOLD_AT
from tests.split.devnet.story import HEADER, Life, Story, host_of, wait_until

pytestmark = pytest.mark.slow

EPOCHS, DEADLINE_SECONDS = 3, 20
NODE, OTHER = host_of(1), host_of(2)
ENDED_BY_ITSELF = 1


@dataclass
class Quarrels:
    """What was seen.

    :ivar ends: by act and host, how the party's process ended
    :ivar logs: by act, what the chain held after it
    """

    story: Story
    ends: dict[tuple[str, str], Life] = field(default_factory=dict)
    logs: dict[str, SessionLog] = field(default_factory=dict)
    refused: list[Exception] = field(default_factory=list)

    def play(self, act: str, *ending: str, **misdeeds: str) -> None:
        """Let the parties meet until these have ended by themselves."""
        hosts = {"node": NODE, "provider": HEADER}
        self.story.misdeeds = {hosts[who]: misdeed for who, misdeed in misdeeds.items()}
        self.story.start()
        self.story.misdeeds = {}
        for host in ending:
            self.ends[act, host] = self.story.newest(host)
            self.story.newest(host).end()
        self.story.stop()
        self.logs[act] = self.story.log()

    def line(self, act: str, host: str) -> str:
        """Give the one line that a process ended with."""
        life = self.ends[act, host]
        assert life.process.poll() == ENDED_BY_ITSELF, life.text
        last = " ".join(life.log.read_text().rsplit("flnode: ", 1)[-1].split())
        assert "Traceback" not in life.text
        return last


@pytest.fixture(scope="module")
def seen(begin: Begin) -> Quarrels:
    table = {**small.VANILLA, "deadline_seconds": DEADLINE_SECONDS}
    listen = {HEADER: ["--listen", f"127.0.0.1:{free_port()}"]}
    quarrels = Quarrels(begin(small.draft(table, epochs=EPOCHS), words=listen))
    strangers_come(quarrels)
    quarrels.play("nan", NODE, HEADER, provider="tells_nan")
    quarrels.play("silence", HEADER, node="falls_silent")
    quarrels.play("no signature", HEADER, node="does_not_sign")
    quarrels.play("changed", HEADER, NODE, node="changes_its_own")
    quarrels.play("forged", HEADER, NODE, provider="changes_the_others")
    quarrels.play("peace", HEADER, NODE)
    return quarrels


def strangers_come(quarrels: Quarrels) -> None:
    """Let those come to the provider who have no place here."""
    story = quarrels.story
    story.start(HEADER)
    wait_until(lambda: bool(story.timeline().announcements), "the provider's announcement")
    story.start(OTHER)
    quarrels.ends["strangers", OTHER] = story.newest(OTHER)
    story.newest(OTHER).end()
    story.words = {**story.words, OTHER: ["--node-id", "1"]}
    story.start(OTHER)
    quarrels.ends["as another", OTHER] = story.newest(OTHER)
    story.newest(OTHER).end()
    knocks(quarrels)
    story.stop()
    del story.lives[OTHER]


def knocks(quarrels: Quarrels) -> None:
    provider = quarrels.story.timeline().announcements[-1].announcement
    try:
        with connect(
            provider.endpoint,
            keys=SessionKeys.create("stranger", 1),
            node=1,
            provider=provider.certificate,
            max_message_bytes=2**20,
            timeout_seconds=20,
            send_seconds=20,
        ) as stream:
            stream.receive(20)
    except (ChannelRefusedError, ChannelClosedError) as error:
        quarrels.refused.append(error)


def free_port() -> int:
    """Give a port for all of a provider's lives, so that it announces itself once."""
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


def alone(seen: Quarrels, act: str) -> Mapping[Side, RecordedAlone]:
    return {each.side: each for each in seen.logs[act].standing}


def test_a_stranger_with_keys_of_its_own_is_not_let_in(seen: Quarrels) -> None:
    assert [type(each) for each in seen.refused] == [ChannelRefusedError]


def test_a_node_that_is_not_registered_cannot_join(seen: Quarrels) -> None:
    assert "is no node of" in seen.line("strangers", OTHER)


def test_a_node_cannot_join_as_another(seen: Quarrels) -> None:
    assert "is no node of" in seen.line("as another", OTHER)


def test_nobody_but_the_parties_is_announced(seen: Quarrels) -> None:
    timeline = seen.story.timeline()
    accounts = set(timeline.accounts.values())
    said = [*timeline.announcements, *timeline.sessions[1].announcements]
    assert {each.account for each in said} == accounts
    assert sorted(timeline.accounts) == [PROVIDER, 1]


def test_a_lie_ends_the_honest_partys_process_in_one_line(seen: Quarrels) -> None:
    where = f"the provider was refused in epoch 1, step {TOLD_AT}: not-finite: tensor"
    assert seen.line("nan", NODE).startswith(where)


def test_the_liar_is_left_alone_until_the_deadline(seen: Quarrels) -> None:
    assert f"said nothing for {DEADLINE_SECONDS} s" in seen.line("nan", HEADER)


def test_nothing_is_recorded_of_an_epoch_that_is_not_over(seen: Quarrels) -> None:
    for act in ("nan", "silence"):
        assert (seen.logs[act].epochs, seen.logs[act].alone) == ((), ())


def test_a_silent_party_ends_the_session_at_the_deadline(seen: Quarrels) -> None:
    line = seen.line("silence", HEADER)
    assert f"said nothing for {DEADLINE_SECONDS} s, the plan's deadline" in line
    assert "the same command goes on from here" in line


def test_what_one_party_does_not_sign_the_other_records_alone(seen: Quarrels) -> None:
    assert "epoch 1 is recorded by this party alone" in seen.line("no signature", HEADER)
    (record,) = seen.logs["no signature"].one_sided
    assert (record.side, record.record.epoch) == (Side.PROVIDER, 1)
    assert record.record.first_difference == 0
    assert seen.logs["no signature"].epochs == ()


def test_a_one_sided_record_is_healed_when_both_have_signed(seen: Quarrels) -> None:
    first = seen.logs["changed"].epochs[0].record
    (record,) = seen.logs["no signature"].one_sided
    assert (first.root, first.records) == (record.record.root, record.record.records)


def test_a_changed_journal_is_a_public_dispute_from_its_first_step(seen: Quarrels) -> None:
    found = alone(seen, "changed")
    assert set(found) == set(Side)
    assert {each.record.first_difference for each in found.values()} == {CHANGED_AT}
    assert len({each.record.root for each in found.values()}) == 2
    assert {each.record.epoch for each in found.values()} == {2}


def test_who_has_signed_two_messages_for_one_place_is_convicted(seen: Quarrels) -> None:
    for host in (HEADER, NODE):
        line = seen.line("changed", host)
        assert line.startswith(f"the histories of epoch 2 part in step {CHANGED_AT}: activations")
        assert line.endswith("the node has signed both")


def test_who_shows_what_the_other_never_signed_is_convicted(seen: Quarrels) -> None:
    found = alone(seen, "forged")
    assert {each.record.first_difference for each in found.values()} == {CHANGED_AT}
    assert {each.record.epoch for each in found.values()} == {3}
    line = seen.line("forged", NODE)
    assert line.endswith("the provider shows what the node has not signed")
    mine = seen.line("forged", HEADER)
    assert mine.endswith("what is kept here is not what the node has signed")


def test_honest_parties_go_on_after_all_of_it(seen: Quarrels, calm: Story) -> None:
    assert [life.process.poll() for life in (seen.ends["peace", h] for h in (HEADER, NODE))] == [
        0,
        0,
    ]
    assert len(seen.logs["peace"].epochs) == EPOCHS
    assert seen.logs["peace"].standing == ()
    for host in (HEADER, NODE):
        for epoch in range(1, small.EPOCHS + 1):
            assert seen.story.checkpoint(host, epoch) == calm.checkpoint(host, epoch)
