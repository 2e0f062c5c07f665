"""Canonical JSON (RFC 8785): one value, one sequence of bytes."""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import rfc8785

from fl_node.errors import CanonicalError

MAX_DEPTH = 100  # fixed, so that what is refused does not depend on the caller's stack
_MAX_WHOLE = 2**53 - 1
# Possessive and with an end that may be missing: a text is gone over once and nothing is remembered.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_OPENING, _CLOSING = b"[{", b"]}"
_NO_BRACKETS = bytes(set(range(256)) - set(_OPENING + _CLOSING))


def encode_json(value: object) -> bytes:
    """Encode a JSON value in its canonical form.

    :raises CanonicalError: for NaN, infinity, integers beyond 2**53, more than 100 levels of lists
        and objects, or what JSON does not have
    """
    _refuse_deeper(value, MAX_DEPTH)
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise CanonicalError(f"no canonical JSON for this value: {error}") from error


def decode_json(content: bytes) -> Any:
    """Decode canonical JSON.

    :raises CanonicalError: when the bytes are not JSON, or not its canonical form
    """
    value = parse_json(content, _whole_number)
    if encode_json(value) != content:
        raise CanonicalError("JSON was found, but not in its canonical form (RFC 8785)")
    return value


def parse_json(content: bytes, whole_number: Callable[[str], object] = int) -> Any:
    """Parse JSON of up to 100 levels in any form; the caller compares it with the canonical one.

    :param whole_number: what becomes of digits without a point and an exponent
    :raises CanonicalError: when the bytes are not JSON in UTF-8, or nested deeper
    """
    _refuse_nesting(content)
    try:
        # As text, since the parser would guess UTF-16 and UTF-32, whose brackets are not counted.
        return json.loads(content.decode("utf-8"), parse_int=whole_number)
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"canonical JSON was expected, found other bytes: {error}") from error


def _whole_number(text: str) -> int | float:
    number = float(text)  # 1e20 is written without an exponent and is no exact integer
    return int(text) if abs(number) <= _MAX_WHOLE else number


def _refuse_nesting(content: bytes) -> None:
    """Count brackets before the parser sees them.

    The parser recurses on the C stack, and the limit that should stop it is Python's, which py-evm
    raises so far that a few kilobytes of brackets end the process.
    """
    depth = 0
    for byte in _STRING.sub(b"", content).translate(None, _NO_BRACKETS):
        depth += 1 if byte in _OPENING else -1
        if depth > MAX_DEPTH:
            raise CanonicalError(f"JSON of up to {MAX_DEPTH} levels was expected, found more")


def _refuse_deeper(value: object, levels: int) -> None:
    if not isinstance(value, dict | list | tuple):
        return
    if levels == 0:
        raise CanonicalError(f"JSON of up to {MAX_DEPTH} levels was expected, found more")
    for child in value.values() if isinstance(value, dict) else value:
        _refuse_deeper(child, levels - 1)


def finite_or_null(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """Make metrics fit for JSON: a non-finite one is null."""
    return {
        name: float(value) if value is not None and math.isfinite(value) else None
        for name, value in metrics.items()
    }
