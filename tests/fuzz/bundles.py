"""A bundle as one file: archive, manifest, and all that is proven from what they hold.

Digests are put right first where a change would end at them: whoever makes up a bundle does too.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from fl_node.bundle.read import open_bundle
from fl_node.canonical import encode_json
from fl_node.errors import FlnodeError
from fl_node.tar import END, tar_member
from tests.fuzz.evidence import expanded
from tests.fuzz.folders import FOLDER
from tests.fuzz.mutation import json_in

_MODE = 0o644


def bundle(content: bytes) -> None:
    """Verify a bundle; the first byte says whether it comes as it is, or put together here."""
    whole = content[1:] if content[:1] == b"\0" else _put_together(expanded(content[1:]))
    file = FOLDER / "bundle"
    file.write_bytes(whole)
    with open_bundle(file) as found:
        found.ledger.snapshot()


def _put_together(content: bytes) -> bytes:
    """Make an archive of a manifest and the files' bytes, one after the other, that fit."""
    found = json_in(content)
    if found is None:
        return content
    _, manifest, end = found
    try:
        return b"".join(_fitting(manifest, content[end:]))
    except (FlnodeError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return content


def _fitting(manifest: dict[str, Any], rest: bytes) -> Iterator[bytes]:
    files = []
    for entry in manifest["files"]:
        size = min(len(rest), max(0, int(entry["size"])))
        found, rest = rest[:size], rest[size:]
        files.append((str(entry["name"]), found))
        entry |= {"size": len(found), "sha256": sha256(found).hexdigest()}
    encoded = encode_json(manifest)
    yield from tar_member("manifest.json", len(encoded), _MODE, [encoded])
    for name, found in files:
        yield from tar_member(name, len(found), _MODE, [found])
    yield END
