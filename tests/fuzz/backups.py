"""A host in one file: archive and manifest, whose digests are put right first."""

import json
import shutil
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from unittest.mock import patch

from fl_node.backup.archive import FOLDER_NAME, MANIFEST_NAME, unpack
from fl_node.tar import END, tar_member
from tests.fuzz.folders import FOLDER
from tests.fuzz.mutation import json_in

_OWNER_ONLY = 0o600


def backup(content: bytes) -> None:
    """Restore a host; the first byte says whether it comes as it is, or put together here."""
    whole = content[1:] if content[:1] == b"\0" else _put_together(content[1:])
    file, folder = FOLDER / "backup.tar", FOLDER / "restored"
    file.write_bytes(whole)
    try:
        with patch("os.sync"):  # it is the whole machine's
            unpack(file, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put_together(content: bytes) -> bytes:
    """Make an archive of a manifest and the files' bytes, one after the other, that fit."""
    found = json_in(content)
    if found is None:
        return content
    _, manifest, end = found
    try:
        return b"".join(_fitting(manifest, content[end:]))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return content


def _fitting(manifest: dict[str, Any], rest: bytes) -> Iterator[bytes]:
    files = []
    for entry in manifest["files"]:
        size = min(len(rest), max(0, int(entry["size"])))
        found, rest = rest[:size], rest[size:]
        files.append((f"{FOLDER_NAME}/{entry['path']}", int(entry["mode"]) & 0o700, found))
        entry |= {"size": len(found), "sha256": sha256(found).hexdigest()}
    manifest.pop("sha256", None)
    digest = sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    encoded = json.dumps(manifest | {"sha256": digest}).encode()
    yield from tar_member(MANIFEST_NAME, len(encoded), _OWNER_ONLY, [encoded])
    for name, mode, found in files:
        yield from tar_member(name, len(found), mode, [found])
    yield END
