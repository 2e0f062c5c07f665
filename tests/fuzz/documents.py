"""Files that name their own form: canonical JSON, CIDs, weights, plans, reports."""

import struct
from hashlib import sha256
from typing import Any

from fl_node.canonical import decode_json, encode_json, parse_json
from fl_node.cid import Cid
from fl_node.errors import CanonicalError
from fl_node.plan import Plan
from fl_node.report import Report
from fl_node.weights import Weights
from tests.fuzz.mutation import json_in
from tests.fuzz.outcome import outcome_of


def json(content: bytes) -> None:
    """Parse a CID, then JSON in any form; what is canonical encodes back to itself."""
    outcome_of(_cid, content)
    parse_json(content)
    assert encode_json(decode_json(content)) == content


def weights(content: bytes) -> None:
    """Read a weights file; what is taken encodes back to itself."""
    fitted = _fitted(content)
    found = Weights.decode(fitted)
    assert found.encode() == fitted
    assert found.nbytes <= len(fitted)


def plan(content: bytes) -> None:
    """Read a plan; what is taken encodes back to itself."""
    fitted = _canonical(content)
    assert Plan.decode(fitted).encode() == fitted


def report(content: bytes) -> None:
    """Read a report; what is taken encodes back to itself."""
    fitted = _rehashed(content)
    assert Report.decode(fitted).encode() == fitted


def _cid(content: bytes) -> None:
    text = content.decode(errors="surrogateescape")
    assert str(Cid.parse(text)) == text


def _canonical(content: bytes) -> bytes:
    """Bring JSON into its form, so that not only the check of that is tried."""
    try:
        return encode_json(parse_json(content))
    except CanonicalError:
        return content


def _fitted(content: bytes) -> bytes:
    """Put the length of a weights file's header right, and the header into its form."""
    found = json_in(content)
    if found is None:
        return content
    _, value, end = found
    try:
        header = encode_json(value)
    except CanonicalError:
        return content
    padded = header + b" " * (-len(header) % 8)
    return struct.pack("<Q", len(padded)) + padded + content[end:].lstrip(b" ")


def _rehashed(content: bytes) -> bytes:
    """Put a report's hashes right: they would hide all that is behind them."""
    try:
        said: Any = parse_json(content)
        parts = {name: encode_json(said[name]) for name in ("recomputable", "observed")}
        hashes = {f"{name}_sha256": sha256(part).hexdigest() for name, part in parts.items()}
        return encode_json(said | hashes)
    except (CanonicalError, KeyError, TypeError):
        return content
