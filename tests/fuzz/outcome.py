"""What may come of a target: nothing, or a named error that fits into one line."""

from collections.abc import Callable

from fl_node.errors import FlnodeError

Target = Callable[[bytes], object]
"""Gives bytes to a parser of the product; all but `FlnodeError` that comes out is a finding."""

MAX_MESSAGE_LETTERS = 1000


class BadMessageError(AssertionError):
    """An error that would fill the screen, steer the terminal or not be printed at all."""


def outcome_of(target: Target, content: bytes) -> FlnodeError | None:
    """Give the named error that came of the bytes, or None when they were taken.

    :raises BadMessageError: when the error's words are none for people
    """
    try:
        target(content)
    except FlnodeError as error:
        _require_one_line(str(error))
        return error
    return None


def _require_one_line(message: str) -> None:
    if len(message) > MAX_MESSAGE_LETTERS:
        raise BadMessageError(f"{len(message)} letters: {message[:100]}")
    if not message.isprintable():
        raise BadMessageError(f"not printable: {message!r}")
