"""TOML as people and other hosts write it, parsed within bounds."""

import re
import tomllib
from collections.abc import Callable
from typing import Any

from fl_node.errors import TomlError

MAX_BYTES = 2**20  # a members' file of ten thousand nodes is half of it
_MOST_DOTS, _MOST_LEVELS = 100, 100
_TEXT = re.compile(rb"""\"(?:[^"\\\n]++|\\.)*+\"?|'[^'\n]*+'?|#[^\n]*+""")

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def parse_toml(content: bytes, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """Parse TOML.

    :raises TomlError: when the bytes are none, more than a mebibyte, or nested deeper than any
    """
    if len(content) > MAX_BYTES:
        raise TomlError(f"TOML of up to {MAX_BYTES} bytes was expected, found {len(content)}")
    _refuse_mazes(content)
    try:
        return tomllib.loads(content.decode(), parse_float=parse_float)
    # ArithmeticError: an exponent that a Decimal has not.
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise TomlError(f"TOML was expected, found: {error or type(error).__name__}") from error


def _refuse_mazes(content: bytes) -> None:
    """Count levels, and a line's dots: a key of n parts takes the parser n squared steps."""
    depth = 0
    for line in _TEXT.sub(b"", content).split(b"\n"):
        if line.count(b".") > _MOST_DOTS:
            raise TomlError(f"a line of TOML with up to {_MOST_DOTS} dots was expected, found more")
        for byte in line.translate(None, _NO_BRACKETS):
            depth += 1 if byte in b"[{" else -1
            if depth > _MOST_LEVELS:
                raise TomlError(f"TOML of up to {_MOST_LEVELS} levels was expected, found more")
