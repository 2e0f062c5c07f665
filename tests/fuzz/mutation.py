"""Changes to bytes that know JSON: most changes to single bytes end in the parser's first lines."""

import json
import random
import struct
from collections.abc import Callable
from typing import Any

_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**53, 2**63, 2**64, 10**30, -0.0, 0.5, 1e308, float("inf")),
    *("", "0x", "0x0", "Qm", "a" * 46, "\ud800", "\x1b[2J", "..", "/", "9" * 5000, "\u0660"),
    *([], {}, [[]], [{}], {"": None}, "0x" + "f" * 64, "0x" + "f" * 12, "\n", "F32", "BOOL"),
)


def mutated(content: bytes, choice: random.Random) -> bytes:
    """Change a value of the JSON in these bytes if there is some, else single bytes."""
    found = json_in(content) if choice.random() < 0.8 else None
    if found is None:
        return _bytes_changed(content, choice)
    start, value, end = found
    text = json.dumps(_changed(value, choice), separators=(",", ":"), sort_keys=True)
    return content[:start] + text.encode() + content[end:]


def json_in(content: bytes) -> tuple[int, Any, int] | None:
    """Find the first JSON object: its start, its value, its end."""
    start = content.find(b'{"')
    if start < 0:
        return None
    text = content[start:].decode(errors="surrogateescape")
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return start, value, start + len(text[:end].encode(errors="surrogateescape"))


def _changed(value: Any, choice: random.Random) -> Any:
    """Go down to some place, and put something else there."""
    if isinstance(value, dict) and value and choice.random() < 0.85:
        key = choice.choice(list(value))
        return _object_changed(dict(value), key, choice)
    if isinstance(value, list) and value and choice.random() < 0.85:
        place = choice.randrange(len(value))
        return _list_changed(list(value), place, choice)
    return _other(value, choice)


def _object_changed(value: dict[str, Any], key: str, choice: random.Random) -> dict[str, Any]:
    act = choice.randrange(12)
    if act == 0:
        del value[key]
    elif act == 1:
        value[str(choice.choice(_ODD))] = value[key]
    elif act == 2:
        value[key] = value[choice.choice(list(value))]
    else:
        value[key] = _changed(value[key], choice)
    return value


def _list_changed(value: list[Any], place: int, choice: random.Random) -> list[Any]:
    act = choice.randrange(12)
    if act == 0:
        del value[place]
    elif act == 1:
        value.insert(place, value[choice.randrange(len(value))])
    elif act == 2:
        value[place] = choice.choice(_ODD)
    else:
        value[place] = _changed(value[place], choice)
    return value


def _other(value: Any, choice: random.Random) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and choice.random() < 0.5:
        return value + choice.choice((-1, 1, 255, 2**32, -value * 2))
    if isinstance(value, str) and value and choice.random() < 0.5:
        place = choice.randrange(len(value))
        return (
            value[:place] + choice.choice("0fFxQ\0 \u20ac") + value[place + choice.randrange(2) :]
        )
    return [value] if choice.random() < 0.1 else choice.choice(_ODD)


def _bytes_changed(content: bytes, choice: random.Random) -> bytes:
    change: Callable[[bytearray, random.Random], None] = choice.choice(
        (_flip, _replace, _cut, _repeat, _insert)
    )
    changed = bytearray(content or b"\0")
    for _ in range(choice.randrange(1, 4)):
        change(changed, choice)
    return bytes(changed)


def _flip(content: bytearray, choice: random.Random) -> None:
    if content:
        content[choice.randrange(len(content))] ^= 1 << choice.randrange(8)


def _replace(content: bytearray, choice: random.Random) -> None:
    if content:
        content[choice.randrange(len(content))] = choice.randrange(256)


def _cut(content: bytearray, choice: random.Random) -> None:
    start = choice.randrange(len(content) + 1)
    del content[start : start + choice.randrange(1, 33)]


def _repeat(content: bytearray, choice: random.Random) -> None:
    start = choice.randrange(len(content) + 1)
    content[start:start] = content[start : start + choice.randrange(1, 65)]


def _insert(content: bytearray, choice: random.Random) -> None:
    number = choice.choice((0, 1, 127, 128, 255, 2**16 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1))
    place = choice.randrange(len(content) + 1)
    content[place:place] = struct.pack(choice.choice("<>") + "Q", number)[
        : choice.choice((1, 4, 8))
    ]
