import os
import tempfile

import pytest

from fl_node.errors import NetworkError
from fl_node.network.private import (
    forget_runtime,
    keep,
    private_folder,
    runtime_folder,
    runtime_place,
    scratch_folder,
)


@pytest.fixture
def run_base(tmp_path, monkeypatch):
    with tempfile.TemporaryDirectory() as base:
        monkeypatch.setenv("XDG_RUNTIME_DIR", base)
        yield base


def test_a_folder_is_closed_to_others_even_if_it_was_open(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    for name in ("open", "new"):
        private_folder(tmp_path / name)
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o700


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(NetworkError, match="should be a folder"):
        private_folder(tmp_path / "x")


def test_a_file_is_written_only_when_it_says_something_else(tmp_path):
    path = tmp_path / "f"
    assert keep(path, b"1")
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.stat().st_mtime_ns
    assert not keep(path, b"1")
    assert path.stat().st_mtime_ns == before
    assert keep(path, b"2")
    assert path.read_bytes() == b"2"


def test_what_a_killed_process_left_is_removed_at_the_next_try(tmp_path):
    (tmp_path / ".new-left" / "x").mkdir(parents=True)
    with scratch_folder(tmp_path) as scratch:
        assert list(tmp_path.iterdir()) == [scratch]
    assert list(tmp_path.iterdir()) == []


def test_a_sockets_path_is_short_however_deep_the_folder(tmp_path, run_base):
    deep = tmp_path.joinpath(*["a-rather-long-name"] * 12)
    deep.mkdir(parents=True)
    place = runtime_folder(deep)
    assert len(os.fsencode(place / "supervisor.sock")) < 107
    assert place.stat().st_mode & 0o777 == 0o700
    assert (deep / "run").resolve() == place


def test_folders_have_their_own_places(tmp_path, run_base):
    places = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        places.append(runtime_folder(tmp_path / name))
    assert places[0] != places[1]


def test_another_environment_finds_the_same_place(tmp_path, run_base, monkeypatch):
    place = runtime_folder(tmp_path)
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert runtime_place(tmp_path) == place
    forget_runtime(tmp_path)
    assert not place.exists()
    assert not (tmp_path / "run").is_symlink()


def test_a_copied_folder_does_not_lead_to_the_originals_place(tmp_path, run_base):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    place = runtime_folder(tmp_path / "one")
    (tmp_path / "two" / "run").symlink_to(place)
    assert runtime_place(tmp_path / "two") != place
    assert runtime_folder(tmp_path / "two") != place
    forget_runtime(tmp_path / "two")
    assert place.is_dir()


def test_a_link_that_somebody_put_there_is_refused(tmp_path, run_base):
    (tmp_path / "trap").mkdir()
    runtime_place(tmp_path).symlink_to(tmp_path / "trap")
    with pytest.raises(NetworkError, match="is not this user's folder"):
        runtime_folder(tmp_path)


def test_too_long_a_base_is_passed_over(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    assert long not in runtime_place(tmp_path).parents
