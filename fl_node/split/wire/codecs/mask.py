"""Which elements of a sample were kept: a bit for each, or the indices, whichever is smaller."""

import numpy as np
from numpy.typing import NDArray

from fl_node.split.record.refusal import Refusal, UnfitError
from fl_node.split.wire.codecs.codec import Arrays
from fl_node.weights import TensorSpec

_BYTES, _SHORT, _LONG = np.dtype("u1"), np.dtype("<u2"), np.dtype("<u4")
_SHORT_ELEMENTS = 2**16
_BITS = 8

Mask = NDArray[np.bool_]


def mask_spec(rows: int, elements: int, kept: int) -> tuple[str, TensorSpec]:
    """Give name and spec of the array that tells which elements were kept."""
    index = _SHORT if elements <= _SHORT_ELEMENTS else _LONG
    mask_bytes = -(-elements // _BITS)
    if mask_bytes <= kept * index.itemsize:
        return "mask", TensorSpec(_BYTES, (rows, mask_bytes))
    return "indices", TensorSpec(index, (rows, kept))


def pack_mask(mask: Mask, kept: int) -> dict[str, NDArray[np.unsignedinteger]]:
    """Write which elements were kept; indices ascend."""
    rows, elements = mask.shape
    name, spec = mask_spec(rows, elements, kept)
    if name == "mask":
        return {name: np.packbits(mask, axis=1)}
    return {name: np.nonzero(mask)[1].reshape(rows, kept).astype(spec.dtype)}


def unpack_mask(arrays: Arrays, rows: int, elements: int, kept: int) -> Mask:
    """Read which elements were kept.

    :raises UnfitError: for another number in a row, and indices out of range or order, or repeated
    """
    name, _ = mask_spec(rows, elements, kept)
    if name == "mask":
        return _from_bits(arrays[name], elements, kept)
    return _from_indices(arrays[name].astype(np.int64), elements)


def _from_bits(packed: NDArray[np.uint8], elements: int, kept: int) -> Mask:
    bits = np.unpackbits(packed, axis=1).view(bool)
    counts = bits[:, :elements].sum(axis=1)
    if bits[:, elements:].any() or (counts != kept).any():
        raise UnfitError(
            Refusal.BAD_ENCODING,
            f"{kept} of {elements} elements in each row were expected, found others",
        )
    return bits[:, :elements]


def _from_indices(indices: NDArray[np.int64], elements: int) -> Mask:
    if indices.size and int(indices.max()) >= elements:
        raise UnfitError(
            Refusal.OUT_OF_RANGE,
            f"indices below {elements} were expected, found {int(indices.max())}",
        )
    if (np.diff(indices, axis=1) <= 0).any():
        raise UnfitError(
            Refusal.BAD_ENCODING, "indices that ascend were expected, found some repeated or not"
        )
    mask = np.zeros((indices.shape[0], elements), bool)
    np.put_along_axis(mask, indices, True, axis=1)
    return mask
