import math
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.canonical import (
    MAX_DEPTH,
    decode_json,
    encode_json,
    finite_or_null,
    parse_json,
)
from fl_node.errors import CanonicalError

WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
NUMBERS = WHOLE | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


@given(VALUES)
def test_what_is_encoded_decodes_to_itself(value):
    content = encode_json(value)
    assert decode_json(content) == value
    assert encode_json(decode_json(content)) == content


# RFC 8785, sections 3.2.2.3 and 3.2.3 and appendix B
@pytest.mark.parametrize(
    ("value", "content"),
    [
        ({"b": 1, "a": [True, None]}, b'{"a":[true,null],"b":1}'),
        ({"\u20ac": 1, "\r": 2, "\U0001f600": 3, "\ufb33": 4}, None),
        (-0.0, b"0"),
        (5e-324, b"5e-324"),
        (1.7976931348623157e308, b"1.7976931348623157e+308"),
        (9007199254740992.0, b"9007199254740992"),
        (295147905179352830000.0, b"295147905179352830000"),
        (999999999999999900000.0, b"999999999999999900000"),
        (1e21, b"1e+21"),
        (333333333.33333329, b"333333333.3333333"),
        (0.000001, b"0.000001"),
        (1e-7, b"1e-7"),
        ("\u20ac$\u000f\nA'\"\\", '"\u20ac$\\u000f\\nA\'\\"\\\\"'.encode()),
    ],
)
def test_values_are_written_as_the_rfc_says(value, content):
    if content is None:  # keys are sorted as UTF-16
        assert list(decode_json(encode_json(value))) == ["\r", "\u20ac", "\U0001f600", "\ufb33"]
    else:
        assert encode_json(value) == content
        assert decode_json(content) == value


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b" 1",
        b"1\n",
        b"1.0",
        b"-0",
        b"1E5",
        b"9007199254740993",  # no float64
        b"1" * 5000,
        b"1e400",
        b"NaN",
        b"Infinity",
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'"\\u0041"',
        b'"\\ud800"',
        b'"\xff"',
        b"\xef\xbb\xbf1",
        '{"a":1}'.encode("utf-16"),
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_bytes_that_are_not_canonical_are_refused(content):
    with pytest.raises(CanonicalError) as refusal:
        decode_json(content)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**53, object(), {1: 2}, b"bytes", "\ud800", {"a": {3}}]
)
def test_a_value_that_json_has_not_is_refused(value):
    with pytest.raises(CanonicalError):
        encode_json(value)


def nested(levels: int) -> object:
    value: object = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("frames", [0, 300])
def test_nesting_is_refused_at_one_depth_however_deep_the_caller_stands(frames):
    call_from(frames, check_depth)


def call_from(frames, check):
    check() if frames == 0 else call_from(frames - 1, check)


def check_depth():
    assert decode_json(encode_json(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    with pytest.raises(CanonicalError, match="levels"):
        encode_json(nested(MAX_DEPTH + 1))
    with pytest.raises(CanonicalError, match="levels"):
        decode_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


def test_a_metric_that_is_not_finite_is_null():
    metrics = {"loss": math.nan, "accuracy": 0.5, "norm": -math.inf, "none": None, "whole": 3}
    expected = {"loss": None, "accuracy": 0.5, "norm": None, "none": None, "whole": 3.0}
    assert finite_or_null(metrics) == expected


@pytest.mark.parametrize(
    "bomb",
    [
        "b'[' * 500_000",
        "b'{\"a\":' * 500_000",
        "('[\"\u0122\",' + '[' * 500_000).encode('utf-16')",
    ],
)
def test_a_bomb_of_brackets_is_refused_however_far_python_may_recurse(bomb: str) -> None:
    """py-evm raises the limit on recursion; the C stack ends long before that."""
    script = (
        "import sys; sys.setrecursionlimit(100_000)\n"
        "from fl_node.canonical import decode_json\n"
        "from fl_node.errors import CanonicalError\n"
        f"try:\n    decode_json({bomb})\n"
        "except CanonicalError as error:\n    print('refused')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


def test_brackets_in_texts_do_not_count() -> None:
    value = {"a": "[" * 1000 + '"' + "{" * 1000 + "\\"}
    assert decode_json(encode_json(value)) == value


@pytest.mark.parametrize(
    "text", [b'\\"' * 200_000, b'"' + b"a" * 4_000_000 + b'"', b'"\\' * 200_000]
)
def test_a_long_text_takes_neither_minutes_nor_memory(text: bytes) -> None:
    """Once a text was gone over anew from each quotation mark in it, and remembered in between."""
    script = (
        "import resource, sys\n"
        "from fl_node.canonical import decode_json\n"
        "from fl_node.errors import CanonicalError\n"
        "content = sys.stdin.buffer.read()\n"
        "used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    decode_json(content)\n"
        "except CanonicalError:\n    pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=text, capture_output=True, timeout=60, check=True
    )
    assert int(done.stdout) < 100_000  # KiB; it was 120 times the text


@pytest.mark.parametrize(
    "piece", [b"[],", b"{},", b"1.5,", b'"ab",', b'{"":0},', b"null,", b'"",', b"[[]],"]
)
def test_many_small_values_do_not_take_a_multiple_of_the_memory(piece: bytes) -> None:
    content = b"[" + piece * (3_000_000 // len(piece)) + b"0]"
    tracemalloc.start()
    try:
        with pytest.raises(CanonicalError, match="values"):
            parse_json(content)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(content)
    finally:
        tracemalloc.stop()


def test_as_many_values_as_a_model_of_50_000_tensors_has_are_read() -> None:
    entry = {"data_offsets": [0, 2**40], "dtype": "F32", "shape": [64, 3, 3, 64]}
    tensors = {f"{number:06d}/kernel": entry for number in range(45_000)}
    assert len(decode_json(encode_json(tensors))) == 45_000
