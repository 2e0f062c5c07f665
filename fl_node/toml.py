"""TOML as people and other hosts write it, parsed within bounds."""

import tomllib
from collections.abc import Callable
from typing import Any

from fl_node.errors import TomlError

MAX_BYTES = 2**20  # a members' file of ten thousand nodes is half of it


def parse_toml(content: bytes, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """Parse TOML.

    :raises TomlError: when the bytes are none, more than a mebibyte, or nested deeper than any
    """
    if len(content) > MAX_BYTES:
        raise TomlError(f"TOML of up to {MAX_BYTES} bytes was expected, found {len(content)}")
    try:
        return tomllib.loads(content.decode(), parse_float=parse_float)
    # ArithmeticError: an exponent that a Decimal has not.
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise TomlError(f"TOML was expected, found: {error or type(error).__name__}") from error
