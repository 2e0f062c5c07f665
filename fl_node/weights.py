"""Weights files: safetensors in one canonical form, so that equal tensors are equal bytes.

Layout (safetensors format): 8 bytes little-endian header length, the header, the tensors' data.
Canonical here means: the header is RFC 8785 JSON padded with spaces to a multiple of 8, tensors
stand in ascending order of their names without gaps, and there is one metadata key, ``flnode``,
whose value is canonical JSON again. A file that does not encode back to itself is refused, which
leaves a hostile header no freedom: sizes, offsets and order follow from names, dtypes and shapes.
"""

import math
import mmap
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fl_node.canonical import decode_json, encode_json, parse_json
from fl_node.cid import Cid
from fl_node.errors import CanonicalError, WeightsError
from fl_node.files import write_atomically

FORMAT_VERSION = 1
METADATA_KEY = "flnode"
_RESERVED_NAME = "__metadata__"
MAX_HEADER_BYTES = 4 * 1024 * 1024  # some 50,000 tensors
MAX_DIMENSIONS = 32
_ALIGNMENT = 8
_COMPARED_BYTES = 1024 * 1024

_DTYPES: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        "BOOL": np.dtype("?"),
        "F32": np.dtype("<f4"),
        "I8": np.dtype("i1"),
        "I16": np.dtype("<i2"),
        "I32": np.dtype("<i4"),
        "I64": np.dtype("<i8"),
        "U8": np.dtype("u1"),
        "U16": np.dtype("<u2"),
        "U32": np.dtype("<u4"),
        "U64": np.dtype("<u8"),
    }
)
_CODES = {dtype: code for code, dtype in _DTYPES.items()}

_NOT_A_HEADER = (CanonicalError, KeyError, TypeError, ValueError, AttributeError, RecursionError)
_SHOWN_LETTERS = 200

Tensor = NDArray[Any]


@dataclass(frozen=True)
class TensorSpec:
    """What a tensor must look like: its dtype and shape, without its values."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse what no weights file holds.

        :raises WeightsError: for another dtype, more than 32 dimensions, or an impossible side
        """
        if self.dtype not in _CODES:
            raise WeightsError(f"a tensor is one of {', '.join(_DTYPES)}, found {self.dtype}")
        if len(self.shape) > MAX_DIMENSIONS:
            raise WeightsError(f"a tensor has up to {MAX_DIMENSIONS} sides, not {len(self.shape)}")
        if any(type(side) is not int or side < 0 for side in self.shape):
            raise WeightsError(f"no tensor has the shape {self.shape}")
        if math.prod(side or 1 for side in self.shape) * self.dtype.itemsize >= 2**63:
            raise WeightsError(f"no machine holds a tensor of the shape {self.shape}")

    @property
    def nbytes(self) -> int:
        """Size of the tensor's data in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        """Give ``float32[3, 3, 1, 32]``."""
        return f"{self.dtype.name}{list(self.shape)}"


@dataclass(frozen=True, eq=False)
class Weights:
    """Named tensors and one JSON object about them; the tensors are read-only views.

    :ivar tensors: name to tensor, in ascending order of the names; float32, integer or boolean
    :ivar metadata: a JSON object, see :mod:`fl_node.rounds` for what updates carry
    """

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    _file: mmap.mmap | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Sort by name and freeze.

        :raises WeightsError: for a dtype that a weights file cannot hold
        """
        frozen = {name: _frozen(name, self.tensors[name]) for name in sorted(self.tensors)}
        object.__setattr__(self, "tensors", MappingProxyType(frozen))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def specs(self) -> dict[str, TensorSpec]:
        """Name to dtype and shape."""
        return {name: TensorSpec(t.dtype, t.shape) for name, t in self.tensors.items()}

    @property
    def nbytes(self) -> int:
        """Size of all tensors' data in bytes."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    def encode(self) -> bytes:
        """Give the canonical file as bytes."""
        return b"".join(self.pieces())

    def write(self, path: Path) -> None:
        """Write the canonical file, whole or not at all."""
        write_atomically(path, self.pieces())

    def cid(self) -> Cid:
        """Name the canonical file by its content."""
        return Cid.of_pieces(self.pieces())

    def same_tensors(self, other: "Weights") -> bool:
        """Tell whether all names, dtypes, shapes and bits are equal; metadata does not count."""
        return self.specs == other.specs and all(
            _same_bits(mine, other.tensors[name]) for name, mine in self.tensors.items()
        )

    @classmethod
    def decode(
        cls, content: bytes | memoryview | mmap.mmap, *, max_header_bytes: int = MAX_HEADER_BYTES
    ) -> "Weights":
        """Read a canonical file without copying its tensors.

        :param max_header_bytes: a longer header is refused before it is parsed
        :raises WeightsError: when the bytes are not safetensors, or not in the canonical form
        """
        view = memoryview(content)
        specs, metadata, data_start = _read_header(view, max_header_bytes)
        tensors = {}
        for name, spec in specs.items():
            flat = np.frombuffer(view, spec.dtype, math.prod(spec.shape), data_start)
            tensors[name] = _true_or_false(name, flat).reshape(spec.shape)
            data_start += spec.nbytes
        return cls(tensors, metadata, content if isinstance(content, mmap.mmap) else None)

    @classmethod
    def read(cls, path: Path, *, max_header_bytes: int = MAX_HEADER_BYTES) -> "Weights":
        """Map a canonical file into memory; pages are read when they are used.

        :raises WeightsError: as :meth:`decode`
        """
        with path.open("rb") as stream:
            return cls.decode(_mapped(stream), max_header_bytes=max_header_bytes)

    def release(self) -> None:
        """Give back the memory that a mapped file takes; it is read again when it is used.

        Whoever goes over large models once calls this on the way.
        """
        if self._file is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._file.madvise(mmap.MADV_DONTNEED)

    def pieces(self) -> Iterable[bytes | memoryview]:
        """Give the canonical file piece by piece, without copying the tensors."""
        yield encode_header(self.specs, self.metadata)
        for tensor in self.tensors.values():
            yield _bits(tensor)


def encode_header(specs: Mapping[str, TensorSpec], metadata: Mapping[str, Any]) -> bytes:
    """Give the bytes before the data: length, header, padding.

    :param specs: in any order; the header is sorted by name
    :raises WeightsError: when a name or the metadata has no canonical form
    """
    header: dict[str, Any] = {}
    offset = 0
    for name in sorted(specs):
        end = offset + specs[name].nbytes
        header[name] = {
            "data_offsets": [offset, end],
            "dtype": _CODES[specs[name].dtype],
            "shape": list(specs[name].shape),
        }
        offset = end
    if _RESERVED_NAME in header:
        raise WeightsError(f"a tensor cannot be called {_RESERVED_NAME}: rename the layer")
    try:
        header[_RESERVED_NAME] = {METADATA_KEY: encode_json(dict(metadata)).decode()}
        encoded = encode_json(header)
    except CanonicalError as error:
        raise WeightsError(f"these weights have no canonical file: {error}") from error
    padded = encoded + b" " * (-len(encoded) % _ALIGNMENT)
    return struct.pack("<Q", len(padded)) + padded


def _read_header(
    view: memoryview, max_bytes: int
) -> tuple[dict[str, TensorSpec], dict[str, Any], int]:
    header_bytes = _header_bytes(view, max_bytes)
    try:
        header = parse_json(header_bytes)  # compared with its canonical form below
        metadata = decode_json(header.pop(_RESERVED_NAME)[METADATA_KEY].encode())
        specs = {name: _spec(entry) for name, entry in header.items()}
        canonical = encode_header(specs, metadata)
    except _NOT_A_HEADER as error:
        shown = repr(error)[:_SHOWN_LETTERS]
        raise WeightsError(f"a canonical weights file was expected: {shown}") from error
    if canonical != view[: len(canonical)]:
        raise WeightsError("the weights file's header is not in the canonical form")
    wanted = len(canonical) + sum(spec.nbytes for spec in specs.values())
    if len(view) != wanted:
        raise WeightsError(f"the weights file should have {wanted} bytes, found {len(view)}")
    return {name: specs[name] for name in sorted(specs)}, metadata, len(canonical)


def _header_bytes(view: memoryview, max_bytes: int) -> bytes:
    if len(view) < 8:
        raise WeightsError(f"a weights file has at least 8 bytes, found {len(view)}")
    (length,) = struct.unpack("<Q", view[:8])
    if length > (allowed := min(max_bytes, len(view) - 8)):
        raise WeightsError(f"a header of up to {allowed} bytes was expected, found {length}")
    return bytes(view[8 : 8 + length])


def _spec(entry: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(_DTYPES[entry["dtype"]], tuple(entry["shape"]))


def _true_or_false(name: str, flat: Tensor) -> Tensor:
    if flat.dtype == np.bool_ and flat.size and flat.view(np.uint8).max() > 1:
        raise WeightsError(f"tensor {name!r} should hold the bytes 0 and 1, found others")
    return flat


def _frozen(name: str, tensor: Tensor) -> Tensor:
    dtype = tensor.dtype.newbyteorder("<")
    if dtype not in _CODES:
        raise WeightsError(
            f"tensor {name!r} is {tensor.dtype}, a weights file holds float32, integers and "
            "booleans: build the model with float32 variables"
        )
    view = tensor.astype(dtype, order="C", copy=False).view()
    view.flags.writeable = False
    return view


def _same_bits(mine: Tensor, other: Tensor) -> bool:
    left, right = np.asarray(_bits(mine)), np.asarray(_bits(other))
    steps = range(0, left.size, _COMPARED_BYTES)
    runs = (slice(start, start + _COMPARED_BYTES) for start in steps)
    return all(np.array_equal(left[run], right[run]) for run in runs)


def _bits(tensor: Tensor) -> memoryview:
    return np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).data


def _mapped(stream: BinaryIO) -> mmap.mmap | bytes:
    try:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:  # an empty file cannot be mapped
        return b""
