from pathlib import Path

import pytest

from fl_node.files import write_atomically


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_file_is_written_from_its_pieces(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, [b"one", memoryview(b"two"), b""])
    assert path.read_bytes() == b"onetwo"
    assert names_in(tmp_path) == ["file"]


def test_a_file_replaces_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a much longer old content")
    write_atomically(path, [b"new"])
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def pieces():
        yield b"half"
        assert len(names_in(tmp_path)) == 2
        raise error

    with pytest.raises(error):
        write_atomically(path, pieces())
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    seen = []

    def pieces():
        yield b"new"
        seen.append(path.read_bytes())

    write_atomically(path, pieces())
    assert seen == [b"old"]


def test_a_folder_that_is_not_there_is_an_error_of_the_system():
    with pytest.raises(OSError, match="No such file"):
        write_atomically(Path("/proc/flnode/file"), [b"content"])
