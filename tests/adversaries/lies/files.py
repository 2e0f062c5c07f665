"""Weights files that are none: each begins as an honest one."""

import json
import struct
from collections.abc import Callable
from typing import Any

_MANY = 1_000_000
_NESTED = 30_000


def with_endless_header(content: bytes) -> bytes:
    return struct.pack("<Q", 2**63) + content[8:]


def with_overlap(content: bytes) -> bytes:
    def overlapping(header: dict[str, Any]) -> dict[str, Any]:
        size = _size(header["dense/kernel"])
        kernel = header["dense/kernel"] | {"data_offsets": [0, size]}
        return header | {"dense/kernel": kernel}

    return _with_header(content, overlapping)


def with_negative_offsets(content: bytes) -> bytes:
    def before(header: dict[str, Any]) -> dict[str, Any]:
        size = _size(header["dense/bias"])
        return header | {"dense/bias": header["dense/bias"] | {"data_offsets": [-size, 0]}}

    return _with_header(content, before)


def with_a_gap(content: bytes) -> bytes:
    def later(header: dict[str, Any]) -> dict[str, Any]:
        return {name: _moved(entry, 8) for name, entry in header.items()}

    header, data = _taken_apart(content)
    return _put_together(_compact(later(header)), bytes(8) + data)


def with_a_name_twice(content: bytes) -> bytes:
    header, data = _taken_apart(content)
    again = _compact({"dense/bias": header["dense/bias"]})[1:-1]
    return _put_together("{" + again + "," + _compact(header)[1:], data)


def in_loose_json(content: bytes) -> bytes:
    header, data = _taken_apart(content)
    return _put_together(json.dumps(header, indent=2), data)


def with_deep_header(content: bytes) -> bytes:
    _, data = _taken_apart(content)
    return _put_together("[" * _NESTED + "]" * _NESTED, data)


def with_a_million_tensors(content: bytes) -> bytes:
    _, data = _taken_apart(content)
    empty = '"%07d":{"data_offsets":[0,0],"dtype":"F32","shape":[0]}'
    return _put_together("{" + ",".join(empty % number for number in range(_MANY)) + "}", data)


def _with_header(content: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    header, data = _taken_apart(content)
    return _put_together(_compact(change(header)), data)


def _taken_apart(content: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _put_together(header: str, data: bytes) -> bytes:
    padded = header.encode() + b" " * (-len(header.encode()) % 8)
    return struct.pack("<Q", len(padded)) + padded + data


def _compact(header: dict[str, Any]) -> str:
    return json.dumps(header, separators=(",", ":"), sort_keys=True)


def _size(entry: dict[str, Any]) -> int:
    begin, end = entry["data_offsets"]
    return int(end - begin)


def _moved(entry: dict[str, Any], by: int) -> dict[str, Any]:
    if "data_offsets" not in entry:
        return entry
    return entry | {"data_offsets": [place + by for place in entry["data_offsets"]]}
