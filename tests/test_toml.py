"""TOML from outside: whatever it holds, a value or one named error comes of it."""

from decimal import Decimal

import pytest

from fl_node.errors import TomlError
from fl_node.toml import MAX_BYTES, parse_toml


def test_what_is_toml_is_given():
    assert parse_toml(b'a = 1\n[b]\nc = "\xc3\xa4"') == {"a": 1, "b": {"c": "ä"}}
    assert parse_toml(b'a = "' + b"." * 500 + b'"') == {"a": "." * 500}
    assert parse_toml(b"a = [0] # " + b"[" * 500) == {"a": [0]}
    assert parse_toml(b"a = 0.1", parse_float=Decimal) == {"a": Decimal("0.1")}


@pytest.mark.parametrize(
    "content",
    [
        b"a = ",
        b"\xff",
        b"a = 1\na = 2",
        b"a = " + b"[" * 100_000,
        b"a = " + b"{a = " * 100_000,
        b"a = " + b"[" * 101 + b"]" * 101,
        b"a = " + b"9" * 5000,
        b"a" * (MAX_BYTES + 1),
        b"d = 2026-13-01",
        b".".join([b"a"] * 200_000) + b" = 1",
        b"[" + b" . ".join([b'"a"'] * 20_000) + b"]",
        b"a = {" + b".".join([b"'a'"] * 20_000) + b" = 1}",
    ],
)
def test_anything_else_is_one_named_error(content):
    with pytest.raises(TomlError) as refusal:
        parse_toml(content)
    assert str(refusal.value).isprintable()


def test_an_exponent_that_no_decimal_has_is_refused():
    with pytest.raises(TomlError):
        parse_toml(b"a = 1e9999999999999999999", parse_float=Decimal)
