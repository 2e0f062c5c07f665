"""Bytes with their length before them."""

from typing import BinaryIO

from fl_node.errors import BundleError


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Read so many bytes.

    :raises BundleError: when there are fewer
    """
    content = stream.read(size)
    if len(content) != size:
        raise BundleError(f"{size} bytes were expected in the bundle, found {len(content)}")
    return content


def read_whole(stream: BinaryIO, size: int) -> int:
    """Read a whole number of so many bytes, big-endian.

    :raises BundleError: when there are fewer bytes
    """
    return int.from_bytes(read_exactly(stream, size))


def read_frame(stream: BinaryIO, length_bytes: int, most: int) -> bytes:
    """Read a length of so many bytes, big-endian, and then what is so long.

    :raises BundleError: when it is longer than allowed, or the stream ends before
    """
    size = read_whole(stream, length_bytes)
    if size > most:
        raise BundleError(f"up to {most} bytes were expected in the bundle, found {size}")
    return read_exactly(stream, size)


def frame(content: bytes, length_bytes: int) -> bytes:
    """Give bytes with their length before them; its inverse is `read_frame`."""
    return len(content).to_bytes(length_bytes) + content
