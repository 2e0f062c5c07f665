"""A manifest names files inside the folder, each once."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.backup.manifest import BackupError, Entry, Manifest, entry_of

DIGEST = "ab" * 32
GOOD = {
    "format": "flnode backup 1",
    "host": "node-1",
    "folders": ["keys"],
    "files": [{"path": "keys/node-1.json", "size": 3, "mode": 0o600, "sha256": DIGEST}],
}
LETTERS = st.characters(exclude_characters="/\0", exclude_categories=("Cs",))
names = st.text(LETTERS, min_size=1, max_size=60)
SIZES = st.integers(0, 2**40)
paths = st.lists(names.filter(lambda name: name not in (".", "..")), min_size=1, max_size=4)


def decoded(**changes):
    body = GOOD | changes
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return Manifest.decode(json.dumps(body | {"sha256": digest}).encode())


def with_path(path):
    return {"files": [GOOD["files"][0] | {"path": path}]}


@given(paths, st.lists(names.filter(lambda name: name not in (".", "..")), unique=True), SIZES)
def test_what_is_written_is_read(parts, written, size):
    folders = tuple("/".join(parts[: depth + 1]) for depth in range(len(parts)))
    files = tuple(Entry(f"{folders[-1]}/{name}", size, 0o600, DIGEST) for name in written)
    manifest = Manifest("node-1", folders, files)
    assert Manifest.decode(manifest.encode()) == manifest
    assert manifest.total_bytes == size * len(written)


OUTSIDE = [
    *("", ".", "..", "/etc/passwd", "//etc", "../x", "keys/../../x", "keys/..", "a//b", "./a"),
    *("a/", "a/./b", "keys\0", None, 7, ["keys"]),
    *("\ud800", "a" * 256),
]


@pytest.mark.parametrize("path", OUTSIDE, ids=repr)
def test_a_path_that_leads_elsewhere_is_refused_by_name(path):
    for changes in (with_path(path), {"folders": [path]}):
        with pytest.raises(BackupError) as caught:
            decoded(**changes)
        assert repr(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"folders": ["keys", "keys"]},
        {"folders": ["keys/node-1.json"]},
        {"files": GOOD["files"] * 2},
    ],
    ids=["folders", "a folder and a file", "files"],
)
def test_no_path_is_named_twice(changes):
    with pytest.raises(BackupError, match="twice"):
        decoded(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"folders": []}, {"folders": ["keys", "a/b"]}, {"folders": ["keys", "a/b", "a"]}],
    ids=repr,
)
def test_everything_is_in_a_folder_that_was_named_before(changes):
    with pytest.raises(BackupError, match="in no folder"):
        decoded(**changes)


def test_a_damaged_manifest_is_told():
    content = Manifest("node-1", ("keys",), ()).encode()
    with pytest.raises(BackupError, match="damaged"):
        Manifest.decode(content.replace(b"keys", b"kexs"))


@pytest.mark.parametrize(
    "changes",
    [{key: value} for key in ("size", "mode") for value in (-1 if key == "size" else "6", 1.5)],
    ids=repr,
)
def test_what_no_file_is_is_refused(changes):
    with pytest.raises(BackupError, match="what no file is"):
        decoded(files=[GOOD["files"][0] | changes])


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"[]", b"{}", b"7", b"[" * 200, b'{"format": "zip"}'], ids=repr
)
def test_what_is_no_manifest_is_refused(content):
    with pytest.raises(BackupError):
        Manifest.decode(content)


def test_permissions_of_others_are_not_taken_over():
    (entry,) = decoded(files=[GOOD["files"][0] | {"mode": 0o6777}]).files
    assert entry.mode == 0o700


def test_a_file_is_described_by_its_bytes_and_its_owners_permissions(tmp_path):
    (tmp_path / "start").write_bytes(b"abc")
    (tmp_path / "start").chmod(0o755)
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
    assert entry_of(tmp_path, "start") == Entry("start", 3, 0o700, abc)
