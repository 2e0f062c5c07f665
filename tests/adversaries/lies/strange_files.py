"""What a hostile Kubo can serve under a CID besides a file as it should be."""

import json
from typing import Any

import requests

from fl_node.cid import CHUNK_BYTES, LINKS_PER_NODE, Cid
from fl_node.store.ipfs import IpfsStore

_SECONDS = 60
_SHA2_256 = b"\x12\x20"


def in_small_chunks(store: IpfsStore, content: bytes) -> Cid:
    """Name right bytes by the CID of another layout: who hashes them gets another name."""
    return Cid.parse(_ask(store, "add?cid-version=0&chunker=size-100", content)[-1]["Hash"])


def as_folder(store: IpfsStore, content: bytes) -> Cid:
    told = _ask(store, "add?cid-version=0&wrap-with-directory=true", content)
    return Cid.parse(told[-1]["Hash"])


def gigabytes_of_zeros(store: IpfsStore, _content: bytes) -> Cid:
    """Make a file of 7.9 GB out of three blocks: each link of a node leads to the same child."""
    size, file_bytes = CHUNK_BYTES, CHUNK_BYTES
    leaf = b"\x08\x02\x12" + _varint(size) + bytes(size) + b"\x18" + _varint(size)
    block = b"\x0a" + _varint(len(leaf)) + leaf
    cid, tree_bytes = _block(store, block), len(block)
    for _ in range(2):
        link = b"\x0a\x22" + _SHA2_256 + cid.digest + b"\x12\x00\x18" + _varint(tree_bytes)
        links = (b"\x12" + _varint(len(link)) + link) * LINKS_PER_NODE
        sizes = (b"\x20" + _varint(file_bytes)) * LINKS_PER_NODE
        file_bytes *= LINKS_PER_NODE
        unixfs = b"\x08\x02\x18" + _varint(file_bytes) + sizes
        block = links + b"\x0a" + _varint(len(unixfs)) + unixfs
        tree_bytes = tree_bytes * LINKS_PER_NODE + len(block)
        cid = _block(store, block)
    return cid


def _block(store: IpfsStore, block: bytes) -> Cid:
    (told,) = _ask(store, "block/put?format=v0&pin=true", block)
    return Cid.parse(told["Key"])


def _ask(store: IpfsStore, command: str, content: bytes) -> list[dict[str, Any]]:
    _, _, host, _, port = store.api.split("/")
    url = f"http://{host}:{port}/api/v0/{command}"
    answer = requests.post(url, files={"file": content}, timeout=_SECONDS)
    answer.raise_for_status()
    return [json.loads(line) for line in answer.text.splitlines()]


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
