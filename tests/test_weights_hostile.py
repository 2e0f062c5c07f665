"""Files of hostile nodes: each is refused, quickly, by one line."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.errors import WeightsError
from fl_node.weights import Weights

GOOD = Weights({"a": np.array([1, 2], "f4"), "b": np.array([True])}, {"kind": "test"})


def file_of(header: object, data: bytes = bytes(9)) -> bytes:
    encoded = json.dumps(header, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    return framed(encoded + b" " * (-len(encoded) % 8), data)


def framed(header: bytes, data: bytes = bytes(9)) -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def header(**changes: object) -> dict[str, object]:
    plain: dict[str, object] = {
        "__metadata__": {"flnode": "{}"},
        "a": {"data_offsets": [0, 8], "dtype": "F32", "shape": [2]},
        "b": {"data_offsets": [8, 9], "dtype": "BOOL", "shape": [1]},
    }
    return {name: value for name, value in (plain | changes).items() if value is not None}


def entry(start: int, stop: int, dtype: str = "F32", shape: object = (2,)) -> dict[str, object]:
    return {"data_offsets": [start, stop], "dtype": dtype, "shape": shape}


def test_the_rows_below_start_from_a_good_file():
    assert len(UNPADDED) % 8
    assert Weights.decode(file_of(header())).specs == GOOD.specs
    assert Weights.decode(file_of(header(), bytes(8) + b"\1")).tensors["b"].tolist() == [True]


def text(value: object) -> bytes:
    encoded = json.dumps(value, separators=(",", ":")).encode()
    return encoded + b" " * (-len(encoded) % 8)


UNSORTED = {"b": header()["b"], "a": header()["a"], "__metadata__": {"flnode": "{}"}}
UNPADDED = text(header(__metadata__={"flnode": '{"a":1}'})).rstrip()
MANY = b'{"t":{"data_offsets":[0,0],"dtype":"F32","shape":[0]}' * 1_000_000
HOSTILE = {
    "nothing": b"",
    "seven bytes": bytes(7),
    "no header": bytes(8),
    "a header longer than the file": struct.pack("<Q", 2**63) + b"{}",
    "a header of 2**64 - 1": b"\xff" * 8 + b"{}",
    "truncated data": file_of(header())[:-1],
    "truncated header": file_of(header())[:40],
    "trailing bytes": file_of(header()) + b"\0",
    "no json": framed(b"\xff" * 8),
    "a list": framed(text([])),
    "a number": framed(text(1)),
    "null": framed(text(None)),
    "no metadata": file_of(header(__metadata__=None)),
    "metadata that is a text": file_of(header(__metadata__="{}")),
    "no metadata of ours": file_of(header(__metadata__={"other": "{}"})),
    "metadata of others too": file_of(header(__metadata__={"flnode": "{}", "other": "1"})),
    "metadata that is no text": file_of(header(__metadata__={"flnode": {}})),
    "metadata that is a list": file_of(header(__metadata__={"flnode": "[]"})),
    "metadata with NaN": file_of(header(__metadata__={"flnode": '{"a":NaN}'})),
    "metadata with a space": file_of(header(__metadata__={"flnode": "{ }"})),
    "metadata with a key twice": file_of(header(__metadata__={"flnode": '{"a":1,"a":1}'})),
    "nested metadata": file_of(header(__metadata__={"flnode": '{"a":' * 500 + "1" + "}" * 500})),
    "deeply nested metadata": file_of(header(__metadata__={"flnode": '{"a":' * 200_000})),
    "deeply nested header": framed(b'{"a":' * 100_000),
    "deeply nested shape": file_of(header()).replace(b"[2]", b"[" * 90_000),
    "unpadded": framed(UNPADDED),
    "padded twice": framed(text(header()) + b" " * 8),
    "padded in front": framed(b" " * 8 + text(header())),
    "padded with tabs": framed(text({"__metadata__": {"flnode": '{"a":1}'}})[:-1] + b"\t", b""),
    "unsorted": framed(text(UNSORTED)),
    "spaced": framed(json.dumps(header()).encode()),
    "a tensor twice": framed(text(header()).replace(b'"b"', b'"a"')),
    "escaped letters": framed(text(header()).replace(b'"a"', b'"\\u0061"')),
    "overlapping": file_of(header(b=entry(7, 8, "BOOL", [1]))),
    "a gap": file_of(header(b=entry(9, 10, "BOOL", [1])), bytes(10)),
    "negative offsets": file_of(header(a=entry(-8, 0), b=entry(0, 1, "BOOL", [1]))),
    "swapped offsets": file_of(header(a=entry(8, 0))),
    "huge offsets": file_of(header(a=entry(0, 2**70, shape=[2**68]))),
    "another order of data": file_of(header(a=entry(1, 9), b=entry(0, 1, "BOOL", [1]))),
    "a size that its shape has not": file_of(header(a=entry(0, 8, shape=[3]))),
    "a negative side": file_of(header(a=entry(0, 8, shape=[-2]))),
    "two negative sides": file_of(header(a=entry(0, 8, shape=[-2, -1]))),
    "a side of 2.0": framed(text(header()).replace(b"[2]", b"[2.0]")),
    "a side that is true": file_of(header(b=entry(8, 9, "BOOL", [True]))),
    "a shape that is an object": file_of(header(b=entry(8, 9, "BOOL", {}))),
    "a shape that is a text": file_of(header(a=entry(0, 8, shape="2"))),
    "a shape that overflows": file_of(header(a=entry(0, 0, shape=[0, 2**62, 2**62]))),
    "a shape of 33 sides": file_of(header(a=entry(0, 4, shape=[1] * 33))),
    "a shape of a million sides": file_of(header(a=entry(0, 4, shape=[9] * 1_000_000))),
    "an unknown dtype": file_of(header(a=entry(0, 8, "F64", [1]))),
    "a dtype that is a list": file_of(header(a=entry(0, 8, ["F32"]))),  # type: ignore[arg-type]
    "an entry that is a list": file_of(header(a=[0, 8])),
    "an entry without a dtype": file_of(header(a={"data_offsets": [0, 8], "shape": [2]})),
    "an entry with more keys": file_of(header(a=entry(0, 8) | {"more": 1})),
    "a lone surrogate": framed(text(header() | {"\ud800": entry(9, 9, shape=[0])})),
    "a boolean of 2": file_of(header(), bytes(8) + b"\2"),
    "a million tensors": framed(MANY),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_in_one_short_line(content):
    with pytest.raises(WeightsError) as refusal:
        Weights.decode(content)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 500


@given(st.integers(0, len(GOOD.encode()) - 1), st.integers(1, 255))
def test_a_changed_byte_gives_other_weights_or_a_refusal(place, change):
    content = bytearray(GOOD.encode())
    content[place] ^= change
    try:
        found = Weights.decode(bytes(content))
    except WeightsError:
        return
    assert found.encode() == content


@given(st.binary(max_size=64), st.booleans())
def test_any_bytes_are_refused_by_name(content, framing):
    with pytest.raises(WeightsError):
        Weights.decode(framed(content) if framing else content)


def test_a_header_longer_than_allowed_is_refused_before_it_is_parsed():
    content = GOOD.encode()
    assert Weights.decode(content, max_header_bytes=len(content)).same_tensors(GOOD)
    with pytest.raises(WeightsError, match="up to 16 bytes"):
        Weights.decode(content, max_header_bytes=16)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(WeightsError, match="at least 8 bytes"):
        Weights.read(tmp_path / "empty")
