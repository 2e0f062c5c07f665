"""Trainers that send what cannot be averaged."""

from tests.adversaries.attacks import Attack, Finder, Found


def _rejected(name: str, does: str, reason: str) -> Attack:
    """A rejection that anybody can repeat."""
    found = Found(Finder.HEADER, (reason,))
    again = Found(Finder.AUDIT, (f"rejection as {reason} reproduced",))
    return Attack(name, does, "updates", (found, again))


def _not_had(name: str, does: str) -> Attack:
    """A rejection that is the closer's word."""
    found = Found(Finder.HEADER, ("unavailable",))
    again = Found(Finder.AUDIT, ("rejection as unavailable unverifiable",))
    when = {Finder.HEADER: "after the plan's `fetch_timeout_seconds`"}
    return Attack(name, does, "updates", (found, again), when=when)


UPDATES = (
    _rejected("anothers-file", "sends another node's file as its own", "record-mismatch"),
    _rejected(
        "other-bytes", "serves bytes that are not those of the CID it sent", "digest-mismatch"
    ),
    _not_had("never-served", "sends the CID of a file that nobody serves"),
    _not_had("a-folder", "sends the CID of a folder"),
    _rejected("eight-gigabytes", "serves 7.9 GB where half a kilobyte is due", "too-large"),
    _rejected("a-million-tensors", "sends a file with a million tensors", "too-large"),
    _rejected("header-of-2-to-63", "claims a header of 2^63 bytes", "not-canonical"),
    _rejected("overlapping-tensors", "lets two tensors share their bytes", "not-canonical"),
    _rejected("negative-offsets", "lets a tensor begin before the data", "not-canonical"),
    _rejected("duplicate-names", "gives two tensors the same name", "not-canonical"),
    _rejected("gaps", "hides bytes between the tensors", "not-canonical"),
    _rejected("loose-json", "writes the header in JSON of its own taste", "not-canonical"),
    _rejected("json-bomb", "nests the header 30,000 levels deep", "not-canonical"),
    _rejected("trailing-bytes", "hides bytes after the tensors", "not-canonical"),
    _rejected("nan", "sends NaN, which would spoil the global for all", "not-finite"),
    _rejected("infinity", "sends infinity", "not-finite"),
    _rejected("huge-step", "sends 1e30, which would outweigh all others", "norm-exceeded"),
    _rejected("no-samples", "declares 0 samples", "bad-samples"),
    _rejected("2-to-32-samples", "declares 2^32 samples", "bad-samples"),
    _rejected("2-to-63-samples", "declares 2^63 samples", "record-mismatch"),
    _rejected("other-samples", "declares more samples than its file says", "record-mismatch"),
    _rejected("other-shape", "sends a tensor of another shape", "wrong-structure"),
    _rejected("other-dtype", "sends integers where floats are due", "wrong-structure"),
    _rejected("other-names", "sends tensors of other names", "wrong-structure"),
    _rejected("changed-integers", "changes an integer tensor", "integer-changed"),
    _rejected(
        "for-another-round", "sends a file that was made for another round", "record-mismatch"
    ),
    _rejected("for-another-federation", "sends a file of another federation", "record-mismatch"),
    _rejected("for-another-node", "sends a file that names another node", "record-mismatch"),
    _rejected("from-another-base", "says that it trained from another global", "record-mismatch"),
    _rejected("secret-keys", "adds metadata of its own", "record-mismatch"),
)
