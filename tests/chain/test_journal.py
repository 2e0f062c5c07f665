"""The journal: what was reported as written is read back, and nothing else is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl_node.chain.journal import Journal
from fl_node.errors import LedgerError

FIRST = {"funded": ["0x1"], "genesis_seconds": 7}
ENTRIES = [{"raw": "0x01", "seconds": 8}, {"raw": "0x02", "seconds": 9}, {"raw": "", "seconds": 10}]


@pytest.fixture
def path(tmp_path):
    journal = Journal.create(tmp_path / "journal", FIRST)
    for entry in ENTRIES:
        journal.append(entry)
    return tmp_path / "journal"


def read(path):
    return Journal.read(path)[1]


def test_entries_come_back_in_order(path):
    assert read(path) == [FIRST, *ENTRIES]


def test_a_journal_that_was_read_goes_on(path):
    journal, _ = Journal.read(path)
    journal.append({"more": 1})
    journal.append({"more": 2})
    assert read(path) == [FIRST, *ENTRIES, {"more": 1}, {"more": 2}]


@pytest.mark.parametrize(
    "left", ["{", '{"raw":"0x03","seco', "\0\0\0", '{"whole":"but no newline"}']
)
def test_a_line_that_was_cut_off_never_happened_and_the_next_one_is_whole(path, left):
    with path.open("a") as stream:
        stream.write(left)
    journal, entries = Journal.read(path)
    assert entries == [FIRST, *ENTRIES]
    journal.append({"more": 1})
    assert read(path) == [FIRST, *ENTRIES, {"more": 1}]


def test_a_cut_anywhere_leaves_the_entries_whose_lines_are_whole(path):
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        entries = read(path)
        assert entries == [FIRST, *ENTRIES][: content[:length].count(b"\n")]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_other_byte_in_a_whole_line_is_found(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "journal"
    journal = Journal.create(path, FIRST)
    for entry in ENTRIES:
        journal.append(entry)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 2))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"line \d of .* is not as it was written"):
        read(path)


LINES_MOVED = {
    "the second dropped": lambda lines: [lines[0], *lines[2:]],
    "two swapped": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "one twice": lambda lines: [*lines[:2], *lines[1:]],
    "the first dropped": lambda lines: lines[1:],
    "an empty one": lambda lines: [*lines[:2], "", *lines[2:]],
    "a list": lambda lines: [*lines, "[]"],
    "a number": lambda lines: [*lines, "1"],
    "one without digest": lambda lines: [*lines, '{"raw":"0x03"}'],
    "one of JSON that is not canonical": lambda lines: [lines[0].replace(":", ": "), *lines[1:]],
}


@pytest.mark.parametrize("moved", LINES_MOVED.values(), ids=LINES_MOVED)
def test_lines_elsewhere_are_found(path, moved):
    lines = moved(path.read_text().splitlines())
    path.write_text("".join(line + "\n" for line in lines))
    with pytest.raises(LedgerError) as caught:
        read(path)
    assert "is not as it was written: restore a copy" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_journal_is_not_begun_over_another(path):
    content = path.read_bytes()
    with pytest.raises(LedgerError, match="there is one: load it, or remove it first"):
        Journal.create(path, FIRST)
    assert path.read_bytes() == content


def test_a_journal_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LedgerError, match=f"expected at {tmp_path / 'none'}: No such file"):
        read(tmp_path / "none")
    with pytest.raises(LedgerError, match="Is a directory"):
        read(tmp_path)


def test_a_folder_that_is_not_there_takes_no_journal(tmp_path):
    with pytest.raises(LedgerError, match=r"cannot write .*: No such file or directory"):
        Journal.create(tmp_path / "none" / "journal", FIRST)


def test_two_writers_are_found_before_they_spoil_anything(path):
    one, other = Journal.read(path)[0], Journal.read(path)[0]
    one.append({"more": 1})
    with pytest.raises(LedgerError, match="another process has written"):
        other.append({"more": 2})
    one.append({"more": 3})
    assert read(path) == [FIRST, *ENTRIES, {"more": 1}, {"more": 3}]


@pytest.mark.parametrize("content", [b"", b"{}\n"])
def test_a_journal_that_shrank_is_not_written_on(path, content):
    journal, _ = Journal.read(path)
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="another process has written"):
        journal.append({"more": 1})
    assert path.read_bytes() == content


def test_a_journal_that_went_away_is_not_begun_anew(path):
    journal, _ = Journal.read(path)
    path.unlink()
    with pytest.raises(LedgerError, match="cannot write"):
        journal.append({"more": 1})
    assert not path.exists()


def test_a_line_is_canonical_json_with_its_digest(path):
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        assert json.dumps(entry, sort_keys=True, separators=(",", ":")) == line
        assert len(entry["sha256"]) == 64
