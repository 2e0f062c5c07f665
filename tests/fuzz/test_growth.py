"""The worst inputs four times as long may take four times as long, not sixteen times.

Times are of this thread's processor, the least of several, and compared with each other only.
"""

import struct
import time
from collections.abc import Callable, Mapping

import pytest
import rlp

from fl_node.bundle.bodies import encode_body
from fl_node.bundle.headers import HeaderCoder
from fl_node.canonical import encode_json
from fl_node.chain.body import Body
from tests.chain.sealed import SealedChain
from tests.fuzz.evidence import READERS, evidence
from tests.fuzz.folders import READERS as FILES
from tests.fuzz.folders import settings
from tests.fuzz.outcome import Target, outcome_of
from tests.fuzz.targets import TARGETS

_FACTOR, _MOST = 4, 9  # between four times and sixteen times as long
_ATTEMPTS = 4
_LEAST_SECONDS = 0.02  # shorter ones are noise
_FEW_SECONDS = 0.4

Make = Callable[[int], bytes]
"""Gives an input of about so many bytes."""


def weights_of(tensors: int) -> bytes:
    entry = {"data_offsets": [0, 0], "dtype": "F32", "shape": [0]}
    header = encode_json(
        {f"{number:07d}": entry for number in range(tensors)} | {"__metadata__": {"flnode": "{}"}}
    )
    padded = header + b" " * (-len(header) % 8)
    return struct.pack("<Q", len(padded)) + padded


def part(kind: str, content: bytes) -> bytes:
    return bytes([READERS.index(kind)]) + content


def file(kind: str, content: bytes) -> bytes:
    return bytes([FILES.index(kind)]) + content


def sealed_headers(count: int) -> bytes:
    chain = SealedChain()
    for _ in range(count):
        chain.add()
    coder = HeaderCoder()
    return b"".join(map(coder.encode, chain.headers))


def body_of(count: int) -> bytes:
    return encode_body(Body((b"x",) * count, (b"y",) * count))


JSON: Mapping[str, Make] = {
    "opening quotation marks": lambda size: b'\\"' * (size // 2),
    "one text": lambda size: b'"' + b"a" * size + b'"',
    "texts": lambda size: b"[" + b'"ab",' * (size // 5) + b"0]",
    "backslashes": lambda size: b'"' + b"\\" * size,
    "escapes": lambda size: b'"' + b"\\u0041" * (size // 6) + b'"',
    "digits": lambda size: b"1" * size,
    "decimals": lambda size: b"0." + b"1" * size,
    "exponent": lambda size: b"1e" + b"1" * size,
    "lists": lambda size: b"[" + b"[]," * (size // 3) + b"0]",
    "levels": lambda size: b"[" * size,
    "keys": lambda size: b"{" + b",".join(b'"%d":0' % n for n in range(size // 10)) + b"}",
    "spaces": lambda size: b" " * size,
}
CASES: Mapping[str, tuple[Target, Make]] = {
    **{f"json: {name}": (TARGETS["json"], make) for name, make in JSON.items()},
    **{f"plan: {name}": (TARGETS["plan"], make) for name, make in JSON.items()},
    "weights: tensors": (TARGETS["weights"], lambda size: weights_of(size // 60)),
    "toml: parts of a key": (settings, lambda size: file("members", b"a." * (size // 2) + b"a=1")),
    "toml: parts of a table": (settings, lambda size: file("members", b"[" + b"a." * (size // 2))),
    "toml: tables": (
        settings,
        lambda size: file("members", b"\n".join(b"[a%d]" % n for n in range(size // 7))),
    ),
    "toml: lists": (settings, lambda size: file("members", b"a=" + b"[" * size)),
    "toml: text": (settings, lambda size: file("members", b'a="' + b"\\\\" * (size // 2) + b'"')),
    "members: digits": (
        settings,
        lambda size: file("members", b"[nodes]\n" + b"1" * size + b"='a'"),
    ),
    "headers: sealed": (evidence, lambda size: part("headers", sealed_headers(size // 72))),
    "rlp: items": (evidence, lambda size: part("transaction", rlp.encode([b"a"] * size))),
    "rlp: lists": (evidence, lambda size: part("receipt", rlp.encode([[]] * (size // 2)))),
    "rlp: one item": (evidence, lambda size: part("transaction", rlp.encode([b"a" * size] * 9))),
    "receipt: logs": (
        evidence,
        lambda size: part(
            "receipt", rlp.encode([b"\1", b"", b"", [[b"a" * 20, [], b""]] * (size // 24)])
        ),
    ),
    "body: transactions": (evidence, lambda size: part("body", body_of(size // 100))),
}


@pytest.mark.parametrize("case", CASES)
def test_four_times_as_much_takes_about_four_times_as_long(case):
    target, make = CASES[case]
    size = _size_for(target, make)
    for _ in range(_ATTEMPTS):
        short, long = (_seconds(target, make(length)) for length in (size, _FACTOR * size))
        if long < _LEAST_SECONDS or long < _MOST * short:
            return
    pytest.fail(f"{size} bytes took {short:.3f} s, {_FACTOR} times as many {long:.3f} s")


def _size_for(target: Target, make: Make) -> int:
    """Find a size that takes long enough to be measured, and not long."""
    size = 1000
    while size < 250_000 and _seconds(target, make(size)) < _LEAST_SECONDS:
        size *= 2
    return size


def _seconds(target: Target, content: bytes) -> float:
    found = []
    for _ in range(2):
        started = time.thread_time()
        outcome_of(target, content)
        found.append(time.thread_time() - started)
        if found[-1] > _FEW_SECONDS:
            break
    return min(found)
