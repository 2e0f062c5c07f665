"""A backup's file: what goes in comes out, and nothing else ever does."""

import tarfile
import tracemalloc
from dataclasses import replace
from pathlib import PurePath

import pytest

from fl_node.backup.archive import pack, unpack
from fl_node.backup.manifest import BackupError, Entry, Manifest, entry_of
from fl_node.tar import END, padding

FILES = {
    "flnode.toml": b"chain = 1\n",
    "keys/node-1.json": b"secret",
    "geth/geth/chaindata/000001.sst": bytes(range(256)) * 9000,
    "ipfs/empty": b"",
    f"cache/{'long/' * 30}{'name' * 40}": b"deep",
}
FOLDERS = sorted({str(inside) for name in FILES for inside in list(PurePath(name).parents)[:-1]})


@pytest.fixture
def home(tmp_path):
    place = tmp_path / "node-1"
    for name, content in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
        (place / name).chmod(0o600)
    (place / "flnode.toml").chmod(0o700)
    return place


@pytest.fixture
def manifest(home):
    files = tuple(entry_of(home, name) for name in sorted(FILES))
    return Manifest("node-1", (*FOLDERS, "ipfs-blocks"), files)


@pytest.fixture
def file(home, manifest, tmp_path):
    pack(home, manifest, tmp_path / "backup.tar")
    return tmp_path / "backup.tar"


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def left_behind(tmp_path):
    return sorted(p.name for p in tmp_path.iterdir()) != ["backup.tar", "node-1"]


def test_what_went_in_comes_out(file, manifest, tmp_path):
    assert unpack(file, tmp_path / "again") == manifest
    assert contents(tmp_path / "again") == FILES
    assert (tmp_path / "again" / "ipfs-blocks").is_dir()


def test_only_the_owner_may_read_it_or_what_comes_out(file, tmp_path):
    assert file.stat().st_mode & 0o777 == 0o600
    unpack(file, tmp_path / "again")
    modes = {
        path.relative_to(tmp_path / "again").as_posix(): path.stat().st_mode & 0o777
        for path in (tmp_path / "again").rglob("*")
    }
    assert (tmp_path / "again").stat().st_mode & 0o777 == 0o700
    assert modes["keys"] == 0o700
    assert modes["keys/node-1.json"] == 0o600
    assert modes["flnode.toml"] == 0o700
    assert not any(mode & 0o077 for mode in modes.values())


def test_any_tar_reads_it_and_finds_the_manifest_first(file, manifest):
    with tarfile.open(file) as archive:
        names = archive.getnames()
        assert names[0] == "manifest.json"
        assert archive.extractfile("manifest.json").read() == manifest.encode()
        assert {n.removeprefix("host/"): archive.extractfile(n).read() for n in names[1:]} == FILES


def test_the_same_host_gives_the_same_bytes(home, manifest, file, tmp_path):
    pack(home, manifest, tmp_path / "second.tar")
    assert (tmp_path / "second.tar").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("content", [b"chain = 2\n", b"", b"chain = 1\n and more"])
def test_a_file_that_changes_meanwhile_is_told_and_no_backup_is_left(
    home, manifest, tmp_path, content
):
    (home / "flnode.toml").write_bytes(content)
    with pytest.raises(BackupError, match="changed while it was read"):
        pack(home, manifest, tmp_path / "backup.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["node-1"]


@pytest.mark.parametrize("place", [0, 600, 5000, 20_000, 2_000_000])
def test_a_flipped_bit_is_found(file, place, tmp_path):
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(BackupError) as caught:
        unpack(file, tmp_path / "again")
    assert "\n" not in str(caught.value)
    assert not left_behind(tmp_path)


@pytest.mark.parametrize("length", [0, 100, 512, 3000, 20_000, 2_000_000])
def test_a_backup_cut_short_is_refused(file, length, tmp_path):
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(BackupError):
        unpack(file, tmp_path / "again")
    assert not left_behind(tmp_path)


def test_what_is_no_tar_is_refused(file, tmp_path):
    file.write_bytes(b"PK\x03\x04" * 1000)
    with pytest.raises(BackupError, match="does not begin with a manifest"):
        unpack(file, tmp_path / "again")


def member(name, content=b"", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname, info.mode = len(content), kind, link, 0o600
    return info, content


def write_tar(file, *members):
    with file.open("wb") as stream:
        for info, content in members:
            stream.write(info.tobuf(tarfile.PAX_FORMAT) + content + padding(len(content)))
        stream.write(END)


A = Entry("a", 1, 0o600, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb")
ONE = Manifest("node-1", ("keys",), (A,))
FIRST = member("manifest.json", ONE.encode())
THE_FILE = member("host/a", b"a")
EXECUTABLE = member("host/a", b"a")
EXECUTABLE[0].mode = 0o700


def test_the_smallest_backup_is_one(tmp_path):
    write_tar(tmp_path / "t", FIRST, THE_FILE)
    assert unpack(tmp_path / "t", tmp_path / "again") == ONE
    assert contents(tmp_path / "again") == {"a": b"a"}


HOSTILE = {
    "a link": member("host/a", kind=tarfile.SYMTYPE, link="/etc"),
    "a hard link": member("host/a", kind=tarfile.LNKTYPE, link="/etc/passwd"),
    "a device": member("host/a", kind=tarfile.CHRTYPE),
    "a pipe": member("host/a", kind=tarfile.FIFOTYPE),
    "a folder": member("host/a", kind=tarfile.DIRTYPE),
    "a sparse file": member("host/a", kind=tarfile.GNUTYPE_SPARSE),
    "a way out": member("host/../../a", b"a"),
    "an absolute way out": member("/tmp/a", b"a"),
    "something else": member("host/b", b"a"),
    "a second manifest": FIRST,
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("late", [True, False])
def test_what_the_manifest_does_not_name_is_refused_by_name(tmp_path, hostile, late):
    write_tar(tmp_path / "t", FIRST, *([THE_FILE] if late else []), hostile)
    with pytest.raises(BackupError) as caught:
        unpack(tmp_path / "t", tmp_path / "again")
    assert f" '{hostile[0].name}" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ([], "does not begin with a manifest"),
        ([THE_FILE, FIRST], "does not begin with a manifest"),
        ([member("manifest.json", kind=tarfile.SYMTYPE, link="/etc/passwd")], "does not begin"),
        ([FIRST], "lacks 'host/a'"),
        ([FIRST, THE_FILE, THE_FILE], "does not name"),
        ([FIRST, EXECUTABLE], "no plain file 'host/a'"),
        ([FIRST, member("host/a", b"b")], "damaged"),
        ([FIRST, member("host/a", b"")], "damaged"),
        ([FIRST, member("host/a", b"aa")], "damaged"),
        ([FIRST, THE_FILE, member("", b"")], "does not end"),
        ([member("manifest.json", replace(ONE, files=()).encode()), THE_FILE], "does not name"),
    ],
)
def test_what_does_not_agree_with_the_manifest_is_refused(tmp_path, members, text):
    write_tar(tmp_path / "t", *members)
    with pytest.raises(BackupError, match=text):
        unpack(tmp_path / "t", tmp_path / "again")
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_a_manifest_that_claims_gigabytes_is_not_read(tmp_path):
    info = tarfile.TarInfo("manifest.json")
    info.size, info.mode = 2**32, 0o600
    (tmp_path / "t").write_bytes(info.tobuf(tarfile.PAX_FORMAT) + bytes(10_000))
    with pytest.raises(BackupError, match="no backup is so large"):
        unpack(tmp_path / "t", tmp_path / "again")


def test_a_large_file_goes_through_in_little_memory(tmp_path):
    (tmp_path / "node-1").mkdir()
    large = tmp_path / "node-1" / "large"
    with large.open("wb") as stream:
        stream.truncate(200_000_000)
    tracemalloc.start()
    try:
        manifest = Manifest("node-1", (), (entry_of(tmp_path / "node-1", "large"),))
        pack(tmp_path / "node-1", manifest, tmp_path / "backup.tar")
        unpack(tmp_path / "backup.tar", tmp_path / "again")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert (tmp_path / "again" / "large").stat().st_size == 200_000_000
