"""A plain tar (POSIX.1-2001), piece by piece: no owner, no time, nothing but names and bytes."""

import tarfile
from collections.abc import Iterable, Iterator

BLOCK_BYTES = 512
END = bytes(2 * BLOCK_BYTES)
_NAME_FIELD, _SIZE_FIELD = slice(0, 100), slice(124, 135)  # the latter are octal digits


def tar_header(name: str, size: int, mode: int) -> bytes:
    """Give what stands before a file's bytes."""
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, mode
    return header.tobuf(tarfile.PAX_FORMAT)


def padding(size: int) -> bytes:
    """Give what stands after a file's bytes."""
    return bytes(-size % BLOCK_BYTES)


def tar_member(name: str, size: int, mode: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Give a file in an archive; after the last one stands `END`."""
    yield tar_header(name, size, mode)
    yield from pieces
    yield padding(size)


def stated_size(header: bytes) -> int | None:
    """Read the size that a header says, which may not be one of ours; None when it says none."""
    digits = header[_SIZE_FIELD]
    octal = digits.isdigit() and not set(digits) & set(b"89")
    return int(digits, 8) if octal else None


def stated_name(header: bytes) -> str:
    """Read the name that a header says, which may not be one of ours."""
    return header[_NAME_FIELD].rstrip(b"\0").decode(errors="replace")
