"""Lists in RLP (Yellow Paper, appendix B), read in one pass and without recursion.

The package's own decoder (rlp 5.0) recurses, and copies all of a list anew for each of its items.
"""

from typing import Any

from rlp.codec import consume_length_prefix

from fl_node.errors import ProofError

_MAX_NESTING = 6  # a transaction's access list and a receipt's logs have four levels
_MAX_ITEMS = 2**20  # of all levels; what a block's gas buys is less


def read_list(content: bytes) -> list[Any]:
    """Read a list, whose items are bytes or lists, and nothing after it.

    :raises ProofError: for bytes or several items, for more levels or items than a block has
    :raises RLPException: for a length that is not written as short as it can be
    :raises IndexError: for a length that is cut off
    """
    whole: list[Any] = []
    levels, place = [(len(content), whole)], 0
    for _ in range(_MAX_ITEMS):
        if place == len(content):
            break
        while place == levels[-1][0]:
            levels.pop()
        place = _read_item(content, place, levels)
    if place < len(content) or len(whole) != 1 or not isinstance(whole[0], list):
        raise ProofError("one list was expected in RLP, found more, or something else")
    return whole[0]


def _read_item(content: bytes, place: int, levels: list[tuple[int, list[Any]]]) -> int:
    """Put the next item where it belongs, and give where the one after it begins.

    :param levels: the end and the items of each list that is not over
    """
    end, items = levels[-1]
    _, kind, length, start = consume_length_prefix(content, place)
    if start + length > end:
        raise ProofError("RLP was expected, found less than it says")
    if kind is not list:
        items.append(content[start : start + length])
        return int(start + length)
    items.append([])
    levels.append((start + length, items[-1]))
    if len(levels) > _MAX_NESTING:
        raise ProofError("RLP of few levels was expected, found more")
    return int(start)
