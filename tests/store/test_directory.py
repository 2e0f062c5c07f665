"""What is particular to a store that is a folder."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fl_node.cid import Cid
from fl_node.errors import DigestMismatchError, StoreError, TooLargeError
from fl_node.store.directory import DirectoryStore


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def place_of(store: DirectoryStore, cid: Cid) -> Path:
    return store.fetch(cid, max_bytes=10**9, timeout_seconds=1)


def test_making_a_store_writes_nothing(tmp_path):
    DirectoryStore(tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_file_lies_under_its_cid_and_cannot_be_written(tmp_path):
    store = DirectoryStore(tmp_path)
    cid = store.put([b"content"])
    place = place_of(store, cid)
    assert place == tmp_path / str(cid)[-2:] / str(cid)
    assert place.stat().st_mode & 0o777 == 0o444
    assert files_in(tmp_path) == [place]


@pytest.mark.parametrize("damage", [b"Content", b"content+", b"", b"conten"])
def test_a_damaged_file_is_not_given_and_heals_when_it_is_stored_again(tmp_path, damage):
    store = DirectoryStore(tmp_path)
    cid = store.put([b"content"])
    place = place_of(store, cid)
    place.chmod(0o644)
    place.write_bytes(damage)
    with pytest.raises(DigestMismatchError, match=f"{place} has the CID {Cid.of_bytes(damage)}"):
        place_of(store, cid)
    store.put([b"content"])
    assert place_of(store, cid).read_bytes() == b"content"


def test_the_size_is_judged_before_the_bytes_are_hashed(tmp_path):
    store = DirectoryStore(tmp_path)
    place = place_of(store, store.put([b"content"]))
    with place.with_name("sparse").open("wb") as sparse:
        sparse.truncate(10**12)  # hours of hashing
    place.with_name("sparse").replace(place)
    with pytest.raises(TooLargeError):
        store.fetch(Cid.of_bytes(b"content"), max_bytes=7, timeout_seconds=1)


@pytest.mark.parametrize("folder", ["/proc/flnode", "/dev/null/flnode"])
def test_a_folder_that_cannot_be_written_is_named(folder):
    with pytest.raises(StoreError, match=rf"cannot write {folder}/incoming: .*; see that"):
        DirectoryStore(Path(folder)).put([b"content"])


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    store = DirectoryStore(tmp_path)
    place = place_of(store, store.put([b"content"]))
    place.unlink()
    place.mkdir()
    with pytest.raises(StoreError, match=f"cannot read {place}: Is a directory"):
        place_of(store, Cid.of_bytes(b"content"))


def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    store = DirectoryStore(tmp_path)
    kept = store.put([b"kept"])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(StoreError, match=r"File too large.*room"):
            store.put([bytes(60_000)] * 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files_in(tmp_path) == [place_of(store, kept)]


WRITER = """
import sys
from pathlib import Path
from fl_node.store.directory import DirectoryStore
def pieces():
    yield bytes(300_000)
    print("begun", flush=True)
    sys.stdin.read()
DirectoryStore(Path(sys.argv[1])).put(pieces())
"""


def test_a_killed_writer_leaves_no_file_under_a_cid_and_its_rest_goes_after_a_day(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"begun\n"
        writer.send_signal(signal.SIGKILL)
    store = DirectoryStore(tmp_path)
    (left,) = files_in(tmp_path)
    assert not store.holds(Cid.of_bytes(bytes(300_000)))
    store.put([b"young rests may be another process's"])
    assert left.exists()
    day_ago = time.time() - 86_401
    os.utime(left, (day_ago, day_ago))
    store.put([b"next"])
    assert not left.exists()
