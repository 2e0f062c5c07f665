import os
import resource
import signal
import subprocess
import sys
import time
import tracemalloc
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.errors import SplitError
from fl_node.split.record.journal import Journal, journal_folder
from fl_node.split.record.message import Message
from fl_node.split.record.phase import Party, Phase
from fl_node.split.record.records import decode_records, encode_records
from fl_node.split.record.refusal import Refusal, UnfitError
from fl_node.split.record.schedule import Place, Schedule
from tests.split.chronicle import SESSION, VANILLA, body_of, history, message_for, play, signer

FILE_HEAD_BYTES, HEAD_BYTES = 23 + 32 + 4, 8 + 8 + 169


def opened(home, said=None, epoch=1):
    return Journal(home, SESSION, epoch, (said if said is not None else []).append)


def kept(home, schedule=VANILLA, snapshots=()):
    """Keep a whole epoch, and close it; gives what was kept."""
    messages = play(history(schedule))
    with opened(home) as journal:
        for message in messages:
            journal.append(message)
        for step in snapshots:
            journal.keep_snapshot(step, [b"state after ", str(step).encode()])
    return messages


def file_of(home):
    return journal_folder(home, SESSION, 1) / "messages"


def names(home):
    return {path.name for path in journal_folder(home, SESSION, 1).iterdir()}


def test_messages_are_found_again_in_the_order_in_which_they_were_kept(tmp_path):
    messages = kept(tmp_path)
    said = []
    with opened(tmp_path, said) as journal:
        assert list(journal.messages()) == messages
        assert journal.leaves() == [message.signed.encode() for message in messages]
        assert journal.message(Place(2, Phase.GRADIENTS)).body == body_of(Place(2, Phase.GRADIENTS))
        assert len(journal.places()) == VANILLA.size
    assert not said


def test_leaves_are_ordered_by_step_whatever_came_first(tmp_path):
    schedule = Schedule(False, 3, 0, in_flight=2)
    told = history(schedule)
    with opened(tmp_path) as journal:
        while not told.is_complete:
            place = max(place for party in Party for place in told.due(party))
            message = message_for(told, place)
            journal.append(message)
            told.add(message.signed)
        assert journal.places() != tuple(sorted(journal.places()))
        assert journal.leaves() == told.leaves()


def test_a_history_goes_on_from_a_journal(tmp_path):
    kept(tmp_path)
    told = history()
    with opened(tmp_path) as journal:
        for message in journal.messages():
            told.add(message.signed)
    assert told.is_complete


def test_only_its_owner_reads_a_journal(tmp_path):
    kept(tmp_path, snapshots=[1])
    folder = journal_folder(tmp_path, SESSION, 1)
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_wherever_it_was_torn_everything_whole_is_found(tmp_path):
    messages = kept(tmp_path)
    whole = file_of(tmp_path).read_bytes()
    ends = [len(whole)]
    for message in reversed(messages):
        ends.insert(0, ends[0] - HEAD_BYTES - len(message.body))
    for count, (start, end) in enumerate(pairwise(ends)):
        for size in {start, start + 1, start + 8, start + 16, start + HEAD_BYTES, end - 1}:
            file_of(tmp_path).write_bytes(whole[:size])
            said = []
            with opened(tmp_path, said) as journal:
                assert list(journal.messages()) == messages[:count]
                journal.append(messages[count])
            assert len(said) == any(whole[start:size])
            assert all("were torn and are cut off" in line for line in said)
            assert file_of(tmp_path).read_bytes() == whole[:end]


@given(st.data())
def test_a_changed_byte_is_never_taken_for_what_was_written(tmp_path_factory, data):
    home = tmp_path_factory.mktemp("journal")
    messages = kept(home)
    content = bytearray(file_of(home).read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    file_of(home).write_bytes(content)
    found = []
    try:
        with opened(home) as journal:
            found.extend(journal.messages())
    except SplitError:
        assert len(found) < len(messages)
    assert found == messages[: len(found)]


def test_room_that_a_killed_process_had_reserved_is_given_back(tmp_path):
    messages = kept(tmp_path)
    content = file_of(tmp_path).read_bytes()
    with file_of(tmp_path).open("ab") as stream:
        stream.write(bytes(3_000_000))
    said = []
    with opened(tmp_path, said) as journal:
        assert list(journal.messages()) == messages
    assert not said
    assert file_of(tmp_path).read_bytes() == content


def test_a_message_torn_within_reserved_room_is_cut_off(tmp_path):
    messages = kept(tmp_path)
    whole = file_of(tmp_path).read_bytes()
    length = HEAD_BYTES + len(messages[-1].body)
    for torn in (1, 8, HEAD_BYTES - 1, HEAD_BYTES, length - 1):
        written = len(whole) - length + torn
        file_of(tmp_path).write_bytes(whole[:written] + bytes(5000))
        said = []
        with opened(tmp_path, said) as journal:
            assert list(journal.messages()) == messages[:-1]
        assert len(said) == any(whole[len(whole) - length : written])
        assert file_of(tmp_path).stat().st_size == len(whole) - length


def test_room_is_reserved_while_a_journal_is_open_only(tmp_path):
    messages = play(history())
    with opened(tmp_path) as journal:
        journal.append(messages[0])
        assert file_of(tmp_path).stat().st_size > 10 * len(messages[0].body)
    assert file_of(tmp_path).stat().st_size == FILE_HEAD_BYTES + HEAD_BYTES + len(messages[0].body)


def test_a_last_body_that_is_not_what_was_signed_is_cut_off(tmp_path):
    messages = kept(tmp_path)
    with file_of(tmp_path).open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"?")
    with opened(tmp_path) as journal:
        assert list(journal.messages()) == messages[:-1]


WRITER = """
import sys
from pathlib import Path
from tests.split.chronicle import *
from tests.split.record.test_journal import opened
from fl_node.split.record.schedule import Schedule
told = history(Schedule(False, 100_000, 0))
with opened(Path(sys.argv[1])) as journal:
    for place in told.schedule.places():
        message = told.write(place, bytes(place.step % 7) * 50_000, signer(place.phase.sender))
        journal.append(message)
        told.add(message.signed)
        print(len(told), flush=True)
"""


def test_whatever_was_kept_before_a_kill_is_there_after_it(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True
    ) as process:
        while int(process.stdout.readline()) < 20:
            pass
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        counted = [int(line) for line in process.stdout.read().split()]
    with opened(tmp_path) as journal:
        told = history(Schedule(False, 100_000, 0))
        for message in journal.messages():
            told.add(message.signed)
    assert len(told) in (counted[-1], counted[-1] + 1)


def test_messages_are_read_one_at_a_time(tmp_path):
    told = history(Schedule(False, 10, 0))
    with opened(tmp_path) as journal:
        for place in told.schedule.places():
            journal.append(told.write(place, bytes(1_000_000), signer(place.phase.sender)))
            told.add(journal.message(place).signed)
        tracemalloc.start()
        assert sum(len(message.body) for message in journal.messages()) == 20_000_000
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak_bytes < 3_000_000


def test_a_message_is_kept_once_and_only_in_its_own_epoch(tmp_path):
    messages = kept(tmp_path)
    with opened(tmp_path) as journal:
        with pytest.raises(SplitError, match="has step 1 activations already"):
            journal.append(messages[0])
        with pytest.raises(SplitError, match="has no step 9 activations"):
            journal.message(Place(9, Phase.ACTIVATIONS))
    with (
        opened(tmp_path, epoch=2) as journal,
        pytest.raises(SplitError, match=r"of epoch 2 .*, found one of epoch 1"),
    ):
        journal.append(messages[0])


def test_one_process_has_a_journal_open(tmp_path):
    with opened(tmp_path), pytest.raises(SplitError, match="another process has"):
        opened(tmp_path)
    opened(tmp_path).close()


def test_another_epochs_file_is_not_cut(tmp_path):
    kept(tmp_path)
    content = file_of(tmp_path).read_bytes()
    other = journal_folder(tmp_path, SESSION, 2)
    other.mkdir()
    (other / "messages").write_bytes(content)
    with pytest.raises(SplitError, match="no journal of epoch 2"):
        opened(tmp_path, epoch=2)
    assert (other / "messages").read_bytes() == content
    with pytest.raises(SplitError, match="no journal of epoch 2"):
        opened(tmp_path, epoch=2)  # nothing holds the lock


@pytest.mark.parametrize("room_bytes", [0, 1, 200])
def test_a_disk_without_room_is_told_and_messages_stay_whole(tmp_path, room_bytes):
    messages = play(history())
    one_message = FILE_HEAD_BYTES + HEAD_BYTES + len(messages[0].body)
    with opened(tmp_path) as journal:
        with largest_file(one_message + room_bytes):
            journal.append(messages[0])
            with pytest.raises(SplitError, match="disk has room"):
                journal.append(messages[1])
            assert file_of(tmp_path).stat().st_size == one_message
        journal.append(messages[1])
        assert list(journal.messages()) == messages[:2]


@contextmanager
def largest_file(size_bytes):
    """Have the system refuse to let a file grow further, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_folder_that_cannot_be_made_is_told():
    with pytest.raises(SplitError, match="cannot use /proc/"):
        Journal(Path("/proc/flnode"), SESSION, 1, print)


def test_snapshots_are_whole_files_the_newest_first(tmp_path):
    kept(tmp_path, snapshots=[0, 2, 10])
    with opened(tmp_path) as journal:
        assert journal.snapshot_steps() == (10, 2, 0)
        assert journal.snapshot(2).read_bytes() == b"state after 2"
        assert [journal.snapshot_before(step) for step in (1, 2, 3, 11)] == [0, 0, 2, 10]
        assert journal.snapshot_before(0) is None


LONG = Schedule(True, 12, 3)
SNAPSHOTS = [3, 6, 9, 12]


@pytest.mark.parametrize(
    ("steps", "expected", "snapshots"),
    [
        ([], [], ()),
        ([1], [1], ()),
        ([2, 3], [1, 2, 3], ()),
        ([4], [4], (3,)),
        ([8], [7, 8], (6,)),
        ([7, 8, 11], [7, 8, 10, 11], (9, 6)),
        ([1, 14], [1, 13, 14], (12,)),
        (range(1, 16), list(range(1, 16)), (12, 9, 6, 3)),
    ],
)
def test_what_recomputing_the_kept_steps_takes_is_kept(tmp_path, steps, expected, snapshots):
    messages = kept(tmp_path, LONG, SNAPSHOTS)
    leaves = [message.signed.encode() for message in messages]
    with opened(tmp_path) as journal:
        for _ in range(2):
            journal.finish(steps)
            assert [m for m in messages if m.record.step in expected] == list(journal.messages())
            assert journal.snapshot_steps() == snapshots
            assert journal.leaves() == leaves
            assert journal.records_file.read_bytes() == encode_records(leaves)
    with opened(tmp_path) as journal:
        assert journal.is_finished
        assert [m for m in messages if m.record.step in expected] == list(journal.messages())
        with pytest.raises(SplitError, match="is finished"):
            journal.append(messages[-1])


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("kill_at", range(12))
def test_killed_at_any_point_it_is_finished_by_the_next_call(tmp_path, monkeypatch, kill_at):
    messages = kept(tmp_path, LONG, SNAPSHOTS)
    calls = iter(range(100))

    def killed(act):
        def acting(*values, **more):
            if next(calls) == kill_at:
                raise Killed
            return act(*values, **more)

        return acting

    path = type(tmp_path)
    for name in ("replace", "unlink"):
        monkeypatch.setattr(path, name, killed(getattr(path, name)))
    monkeypatch.setattr(os, "fsync", killed(os.fsync))
    journal = opened(tmp_path)
    try:
        journal.finish([8])
        finished = True
    except Killed:
        finished = False
    monkeypatch.undo()
    journal.close()
    assert finished == (kill_at > 6)  # otherwise this test kills nobody
    with opened(tmp_path) as journal:
        journal.finish([8])
        assert journal.leaves() == [message.signed.encode() for message in messages]
        assert [message.record.step for message in journal.messages()] == [7] * 4 + [8] * 4
        assert journal.snapshot_steps() == (6,)
    assert names(tmp_path) == {"messages", "records", "snapshot-6.safetensors"}


def test_what_a_killed_writer_left_is_swept(tmp_path):
    kept(tmp_path)
    (journal_folder(tmp_path, SESSION, 1) / ".snapshot-3.safetensors.abcd").write_bytes(b"half")
    opened(tmp_path).close()
    assert names(tmp_path) == {"messages"}


def records():
    return [message.signed for message in play(history())]


def test_records_are_read_as_they_were_written():
    content = encode_records(signed.encode() for signed in records())
    assert len(content) == 10 * 169
    assert decode_records(content, SESSION, 1) == records()
    assert decode_records(b"", SESSION, 1) == []


@pytest.mark.parametrize(
    ("change", "session", "epoch", "refusal"),
    [
        (lambda content: content[:-1], SESSION, 1, Refusal.NOT_CANONICAL),
        (lambda content: content[169:] + content[:169], SESSION, 1, Refusal.NOT_CANONICAL),
        (lambda content: content[:169] * 2, SESSION, 1, Refusal.NOT_CANONICAL),
        (lambda content: content, bytes(32), 1, Refusal.WRONG_SESSION),
        (lambda content: content, SESSION, 2, Refusal.WRONG_EPOCH),
    ],
)
def test_other_bytes_are_no_records(change, session, epoch, refusal):
    content = encode_records(signed.encode() for signed in records())
    with pytest.raises(UnfitError) as caught:
        decode_records(change(content), session, epoch)
    assert caught.value.refusal is refusal


def test_damaged_records_are_told(tmp_path):
    kept(tmp_path)
    with opened(tmp_path) as journal:
        journal.finish([])
        journal.records_file.write_bytes(b"damaged")
        with pytest.raises(SplitError, match="records is not as it was written"):
            journal.leaves()


def test_a_message_of_another_session_is_not_kept(tmp_path):
    message = play(history())[0]
    with (
        Journal(tmp_path, bytes(32), 1, print) as journal,
        pytest.raises(SplitError, match="takes messages of epoch 1 of its session"),
    ):
        journal.append(Message(message.signed, message.body))
