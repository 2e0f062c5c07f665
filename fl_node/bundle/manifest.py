"""What a bundle holds: its first member, and what everything after it is checked by."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from fl_node.canonical import decode_json, encode_json
from fl_node.cid import Cid
from fl_node.errors import BundleError, CanonicalError, CidError

FORMAT = "flnode bundle 1"
HEADERS, BLOCKS, CODE, STORE = "headers", "blocks", "code", "store/"
_CHAIN = (BLOCKS, CODE, HEADERS)
_KEYS = {"absent", "chain_id", "federation", "files", "first_block", "format", "head", "light"}
_SHA256 = re.compile("[0-9a-f]{64}")
_DIGEST = re.compile("0x[0-9a-f]{64}")
_ADDRESS = re.compile("0x[0-9a-fA-F]{40}")


@dataclass(frozen=True)
class Entry:
    """A file in a bundle.

    :ivar size: in bytes
    :ivar sha256: of its bytes, in hexadecimal digits
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself; each word of it is checked against its other files.

    :ivar first_block: the one that the contract was created in
    :ivar head: number and hash of the last block
    :ivar light: whether weights were left out
    :ivar absent: what the store had not, of all that the chain names
    :ivar files: in ascending order of their names
    """

    chain_id: int
    federation: str
    first_block: int
    head: tuple[int, str]
    light: bool
    absent: tuple[Cid, ...]
    files: tuple[Entry, ...]

    @property
    def stored(self) -> list[Cid]:
        """The files of the store that are in the bundle."""
        names = (entry.name for entry in self.files)
        return [Cid.parse(name.removeprefix(STORE)) for name in names if name.startswith(STORE)]

    def encode(self) -> bytes:
        """Give the manifest as canonical JSON.

        :raises CanonicalError: when the chain's id is beyond 2**53
        """
        number, block_hash = self.head
        files = [
            {"name": each.name, "sha256": each.sha256, "size": each.size} for each in self.files
        ]
        return encode_json(
            {
                "absent": list(map(str, self.absent)),
                "chain_id": self.chain_id,
                "federation": self.federation,
                "files": files,
                "first_block": self.first_block,
                "format": FORMAT,
                "head": {"hash": block_hash, "number": number},
                "light": self.light,
            }
        )

    @classmethod
    def decode(cls, content: bytes) -> "Manifest":
        """Read a manifest.

        :raises BundleError: when the bytes are none, or of another format
        """
        try:
            found = _manifest(decode_json(content))
            found.stored  # noqa: B018  each name is a CID
        except (CanonicalError, CidError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"the bundle's manifest is none: {error!r}"[:200]) from error
        _refuse_disorder([entry.name for entry in found.files])
        _refuse_disorder([str(cid) for cid in found.absent])
        if missing := set(_CHAIN) - {entry.name for entry in found.files}:
            raise BundleError(f"the bundle's manifest does not name {sorted(missing)}")
        return found


def _manifest(said: Mapping[str, Any]) -> Manifest:
    if set(said) != _KEYS or said["format"] != FORMAT:
        raise ValueError(f"{FORMAT!r} with the keys {sorted(_KEYS)} was expected")
    head = said["head"]
    if set(head) != {"hash", "number"} or type(said["light"]) is not bool:
        raise ValueError("a head is a hash and a number, light is true or false")
    return Manifest(
        chain_id=_whole(said["chain_id"]),
        federation=_text(_ADDRESS, said["federation"]),
        first_block=_whole(said["first_block"]),
        head=(_whole(head["number"]), _text(_DIGEST, head["hash"])),
        light=said["light"],
        absent=tuple(Cid.parse(each) for each in _list(said["absent"])),
        files=tuple(_entry(each) for each in _list(said["files"])),
    )


def _entry(said: Mapping[str, Any]) -> Entry:
    if set(said) != {"name", "sha256", "size"}:
        raise ValueError("a file has a name, a size and a digest")
    name = said["name"]
    if name not in _CHAIN and not name.startswith(STORE):
        raise ValueError(f"{name!r} is no file of a bundle")
    return Entry(name, _whole(said["size"]), _text(_SHA256, said["sha256"]))


def _refuse_disorder(names: list[str]) -> None:
    for one, other in pairwise(names):
        if one >= other:
            raise BundleError(f"the bundle names {other!r} twice or out of order")


def _list(found: object) -> list[Any]:
    if not isinstance(found, list):
        raise TypeError("a list was expected")
    return found


def _whole(found: object) -> int:
    if type(found) is not int or found < 0:
        raise ValueError(f"a whole number was expected, found {found!r}")
    return found


def _text(pattern: re.Pattern[str], found: str) -> str:
    if not pattern.fullmatch(found):
        raise ValueError(f"{pattern.pattern} was expected, found {found!r}")
    return found
