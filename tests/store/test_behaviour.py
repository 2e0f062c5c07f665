"""What every store does."""

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fl_node.cid import CHUNK_BYTES, Cid
from fl_node.errors import FlnodeError, TooLargeError, UnavailableError

ANY_SIZE = 10**9
SIZES = [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 10 * CHUNK_BYTES]


def content_of(size: int) -> bytes:
    return hashlib.shake_256(b"store").digest(size)


@pytest.mark.parametrize("size", SIZES)
def test_bytes_come_back_under_the_name_that_kubo_would_give_them(store, size):
    content = content_of(size)
    cid = store.put([content])
    assert cid == Cid.of_bytes(content)
    path = store.fetch(cid, max_bytes=size, timeout_seconds=5)
    assert path.read_bytes() == content
    assert store.read(cid, max_bytes=size, timeout_seconds=5) == content


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(max_size=50), max_size=5))
def test_the_name_does_not_depend_on_the_pieces(store, pieces):
    assert store.put(pieces) == store.put([b"".join(pieces)])


def test_storing_the_same_bytes_twice_changes_nothing(store):
    first = store.put([b"same"])
    mapped = store.fetch(first, max_bytes=4, timeout_seconds=5).open("rb")
    assert store.put(iter([b"sa", memoryview(b"me")])) == first
    assert store.read(first, max_bytes=4, timeout_seconds=5) == b"same"
    with mapped:
        assert mapped.read() == b"same"


def test_a_store_holds_what_was_put_and_nothing_else(store):
    absent = Cid.of_bytes(b"absent")
    assert not store.holds(absent)
    assert store.holds(store.put([b"present"]))
    assert not store.holds(absent)


def test_bytes_that_are_not_there_are_unavailable(store):
    absent = Cid.of_bytes(b"absent")
    with pytest.raises(UnavailableError, match=str(absent)):
        store.fetch(absent, max_bytes=ANY_SIZE, timeout_seconds=1)


def test_more_bytes_than_the_caller_allows_are_too_large(store):
    cid = store.put([content_of(1001)])
    with pytest.raises(TooLargeError, match="1001 bytes, up to 1000"):
        store.fetch(cid, max_bytes=1000, timeout_seconds=5)
    with pytest.raises(TooLargeError):
        store.read(cid, max_bytes=1000, timeout_seconds=5)


def test_a_put_that_breaks_off_leaves_nothing(store):
    def broken():
        yield b"begun"
        raise FlnodeError("no more")

    with pytest.raises(FlnodeError, match="no more"):
        store.put(broken())
    assert not store.holds(Cid.of_bytes(b"begun"))
    assert store.holds(store.put([b"next"]))


def test_dropped_bytes_are_forgotten_and_can_be_stored_again(store):
    kept, cid = store.put([b"kept beside the dropped"]), store.put([b"dropped"])
    mapped = store.fetch(cid, max_bytes=7, timeout_seconds=5).open("rb")
    store.drop(cid)
    assert not store.holds(cid)
    assert store.holds(kept)
    with mapped:
        assert mapped.read() == b"dropped"
    assert store.put([b"dropped"]) == cid
    assert store.read(cid, max_bytes=7, timeout_seconds=5) == b"dropped"


def test_dropping_what_is_not_there_changes_nothing(store):
    store.drop(Cid.of_bytes(b"never stored"))
    store.drop(Cid.of_bytes(b"never stored"))
    assert not store.holds(Cid.of_bytes(b"never stored"))
