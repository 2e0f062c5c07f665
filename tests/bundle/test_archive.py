"""A bundle's file: bounded memory both ways, and no word of it believed before it is checked."""

import io
import tarfile
import tracemalloc

import pytest

from fl_node.bundle.archive import entry_of, pack, unpack
from fl_node.bundle.manifest import Entry, Manifest
from fl_node.cid import Cid
from fl_node.errors import BundleError
from fl_node.tar import END, tar_header, tar_member

LARGE_BYTES, MOST_MEMORY_BYTES = 64 * 2**20, 8 * 2**20


@pytest.fixture
def places(tmp_path):
    """The files of a bundle, one of them large; whether they prove anything is not asked here."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("blocks", "code", "headers"):
        (folder / name).write_bytes(name.encode())
    block = bytes(range(256)) * 4096
    with (folder / "large").open("wb") as stream:
        stream.writelines([block] * (LARGE_BYTES // len(block)))
    with (folder / "large").open("rb") as stream:
        cid = Cid.of_stream(stream)
    return {
        **{name: folder / name for name in ("blocks", "code", "headers")},
        f"store/{cid}": folder / "large",
    }


@pytest.fixture
def manifest(places):
    files = tuple(entry_of(name, places[name]) for name in sorted(places))
    return Manifest(1, "0x" + "1" * 40, 1, (2, "0x" + "2" * 64), False, (), files)


def peak_bytes(act):
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_files(places, manifest, tmp_path):
    file, target = tmp_path / "bundle", tmp_path / "target"
    target.mkdir()
    assert peak_bytes(lambda: pack(manifest, places, file)) < MOST_MEMORY_BYTES
    assert peak_bytes(lambda: unpack(file, target)) < MOST_MEMORY_BYTES
    assert all((target / name).read_bytes() == places[name].read_bytes() for name in places)


def test_any_tar_can_read_it(places, manifest, tmp_path):
    pack(manifest, places, tmp_path / "bundle")
    with tarfile.open(tmp_path / "bundle") as archive:
        assert archive.getnames() == ["manifest.json", *sorted(places)]
        assert {(each.mtime, each.uid, each.uname) for each in archive} == {(0, 0, "")}
        assert archive.extractfile("code").read() == b"code"


def test_a_file_that_changes_meanwhile_is_found_and_nothing_is_left(places, manifest, tmp_path):
    places["code"].write_bytes(b"edoc")
    with pytest.raises(BundleError, match="changed while it was read"):
        pack(manifest, places, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def refused(tmp_path, content):
    (tmp_path / "bundle").write_bytes(content)
    (tmp_path / "target").mkdir()
    with pytest.raises(BundleError) as caught:
        unpack(tmp_path / "bundle", tmp_path / "target")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("size", [2**24 + 1, 2**32])
def test_a_manifest_beyond_its_bound_is_not_read(tmp_path, size):
    found = peak_bytes(lambda: refused(tmp_path, tar_header("manifest.json", size, 0o644)))
    assert found < 2**20


def test_a_size_that_is_claimed_costs_nothing(tmp_path, manifest):
    claimed = Entry("blocks", 2**50, "0" * 64)
    others = manifest.files[1:]
    content = Manifest(1, "0x" + "1" * 40, 1, manifest.head, False, (), (claimed, *others)).encode()
    start = b"".join(tar_member("manifest.json", len(content), 0o644, [content]))
    assert (
        peak_bytes(lambda: refused(tmp_path, start + tar_header("blocks", 2**50, 0o644) + b"x"))
        < MOST_MEMORY_BYTES
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"x" * 600, END, b"\0" * 10_000],
    ids=["nothing", "a letter", "letters", "an empty tar", "zeros"],
)
def test_what_is_no_bundle_is_refused(tmp_path, content):
    refused(tmp_path, content)


NAMES = ["../up", "/etc/passwd", "store/../../up", "store/", "store/x", "other", "blocks/x", ""]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, manifest, name):
    entries = sorted([*manifest.files, Entry(name, 0, "0" * 64)], key=lambda entry: entry.name)
    content = Manifest(1, "0x" + "1" * 40, 1, manifest.head, False, (), tuple(entries)).encode()
    with pytest.raises(BundleError):
        Manifest.decode(content)
    refused(tmp_path, b"".join(tar_member("manifest.json", len(content), 0o644, [content])))


def test_a_link_in_place_of_a_file_is_refused(tmp_path, places, manifest):
    pack(manifest, places, tmp_path / "whole")
    content = bytearray((tmp_path / "whole").read_bytes())
    place = content.index(b"blocks\0")
    link = tarfile.TarInfo("blocks")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    content[place : place + 512] = link.tobuf(tarfile.PAX_FORMAT)
    refused(tmp_path, bytes(content))


def test_names_twice_or_out_of_order_are_refused(manifest):
    for files in ((*manifest.files, manifest.files[-1]), manifest.files[::-1]):
        content = Manifest(1, "0x" + "1" * 40, 1, manifest.head, False, (), files).encode()
        with pytest.raises(BundleError, match="twice or out of order"):
            Manifest.decode(content)


def test_what_every_bundle_has_must_be_named(manifest):
    content = Manifest(1, "0x" + "1" * 40, 1, manifest.head, False, (), manifest.files[1:]).encode()
    with pytest.raises(BundleError, match="does not name"):
        Manifest.decode(content)


def test_an_archive_is_what_the_page_says():
    header = tar_header("code", 5, 0o644)
    assert (len(header), header[257:263]) == (512, b"ustar\0")
    assert b"".join(tar_member("code", 5, 0o644, [b"abcde"])) == header + b"abcde" + bytes(507)
    assert io.BytesIO(END).read() == bytes(1024)
