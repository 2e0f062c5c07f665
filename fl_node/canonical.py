"""Canonical JSON (RFC 8785): one value, one sequence of bytes."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import rfc8785

from fl_node.errors import CanonicalError

MAX_DEPTH = 100  # fixed, so that what is refused does not depend on the caller's stack
_MAX_WHOLE = 2**53 - 1
# Possessive, and its end may be missing: a text is gone over once and nothing is remembered.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_OPENING, _CLOSING = b"[{", b"]}"
_NO_STRUCTURE = bytes(set(range(256)) - set(_OPENING + _CLOSING + b","))
# A value takes some 70 bytes of memory, and two of a file of nothing but brackets and commas.
_FREE_VALUES, _BYTES_PER_VALUE = 2**18, 16


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

    Of long JSON, most has to be texts: 262,144 values, and one for each 16 bytes.

    :param whole_number: what becomes of digits without a point and an exponent
    :raises CanonicalError: when the bytes are not JSON in UTF-8, nested deeper, or of more values
    """
    _refuse_crowds(content)
    try:
        # As text, since the parser would guess UTF-16 and UTF-32, whose brackets are not counted.
        return json.loads(content.decode("utf-8"), parse_int=whole_number)
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"canonical JSON was expected, found other bytes: {error}") from error


def _whole_number(text: str) -> int | float:
    number = float(text)  # 1e20 is written without an exponent and is no exact integer
    return int(text) if abs(number) <= _MAX_WHOLE else number


def _refuse_crowds(content: bytes) -> None:
    """Count levels and values before the parser sees them.

    The parser recurses on the C stack, and the limit that should stop it is Python's, which py-evm
    raises so far that a few kilobytes of brackets end the process.
    """
    depth = values = 0
    allowed = _FREE_VALUES + len(content) // _BYTES_PER_VALUE
    for byte in _structure(content):
        depth += (byte in _OPENING) - (byte in _CLOSING)
        values += byte not in _CLOSING
        if depth > MAX_DEPTH:
            raise CanonicalError(f"JSON of up to {MAX_DEPTH} levels was expected, found more")
        if values > allowed:
            raise CanonicalError(f"JSON of up to {allowed} values was expected, found more")


def _structure(content: bytes) -> Iterator[int]:
    """Give the brackets and commas that are in no text."""
    place = 0
    for text in _STRING.finditer(content):
        yield from content[place : text.start()].translate(None, _NO_STRUCTURE)
        place = text.end()
    yield from content[place:].translate(None, _NO_STRUCTURE)


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
