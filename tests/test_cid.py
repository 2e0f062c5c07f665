import hashlib
import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.cid import CHUNK_BYTES, Cid
from fl_node.errors import CidError
from tests.vectors import read_vectors

VECTORS = read_vectors("cids.json")


def content_of(size: int) -> bytes:
    return hashlib.shake_256(b"flnode").digest(size)


@pytest.mark.parametrize("vector", VECTORS["kubo"], ids=lambda vector: str(vector["bytes"]))
def test_a_cid_is_the_one_that_kubo_gives(vector):
    assert str(Cid.of_bytes(content_of(vector["bytes"]))) == vector["cid"]


@pytest.mark.parametrize("vector", VECTORS["published"], ids=lambda vector: vector["cid"])
def test_a_cid_is_the_one_that_others_published(vector):
    assert str(Cid.of_bytes(vector["text"].encode())) == vector["cid"]


@given(st.binary(min_size=32, max_size=32))
def test_a_cid_survives_its_text(digest):
    cid = Cid(digest)
    assert Cid.parse(str(cid)) == cid
    assert str(cid).startswith("Qm")
    assert len(str(cid)) == 46
    assert repr(cid) == f"Cid('{cid}')"


@given(
    size=st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]),
    cuts=st.lists(st.integers(0, 3 * CHUNK_BYTES), max_size=5),
)
def test_pieces_of_any_size_make_the_same_cid(size, cuts):
    content = content_of(size)
    edges = [0, *sorted(cuts), size]
    pieces = [content[start:stop] for start, stop in pairwise(edges)]
    assert Cid.of_pieces(pieces) == Cid.of_bytes(content)
    assert Cid.of_stream(io.BytesIO(content)) == Cid.of_bytes(content)


def test_every_kind_of_buffer_has_the_cid_of_its_bytes():
    content = content_of(1000)
    for buffer in (bytearray(content), memoryview(content), memoryview(content).cast("I")):
        assert Cid.of_bytes(memoryview(buffer)) == Cid.of_bytes(content)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_digest_of_another_length_is_refused(length):
    with pytest.raises(CidError, match=f"32 bytes, found {length}"):
        Cid(bytes(length))


GOOD = "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD[:-1],
        GOOD + "H",
        GOOD[:-1] + "0",  # not in the alphabet
        GOOD[:-1] + "é",
        " " + GOOD[1:],
        "1" * 46,  # no multihash
        "z" * 46,  # more than 34 bytes
        "Qz" + GOOD[2:],  # another hash function or length
        "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"[:46],  # CIDv1
    ],
)
def test_a_text_that_is_no_cidv0_is_refused(text):
    with pytest.raises(CidError):
        Cid.parse(text)


def test_cids_sort_and_hash_by_their_digest():
    low, high = Cid(bytes(32)), Cid(b"\xff" * 32)
    assert sorted([high, low]) == [low, high]
    assert len({low, high, Cid(bytes(32))}) == 2
