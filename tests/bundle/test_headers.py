"""Headers as what they do not have from the one before: back to the byte, and small."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.bundle.headers import HeaderCoder
from fl_node.chain.header import MAX_FIELDS, MIN_FIELDS, Header, whole_bytes
from fl_node.chain.proof import header_hash
from fl_node.errors import BundleError
from tests.chain.sealed import SealedChain, idle_blocks

DIGESTS = st.binary(min_size=32, max_size=32)
WHOLE = st.integers(0, 2**64).map(whole_bytes)
FIELDS = (
    *(DIGESTS, DIGESTS, st.binary(min_size=20, max_size=20), DIGESTS, DIGESTS, DIGESTS),
    *(st.binary(min_size=256, max_size=256), WHOLE, WHOLE, WHOLE, WHOLE, WHOLE),
    *(st.binary(max_size=130), DIGESTS, st.binary(min_size=8, max_size=8), WHOLE),
    *(st.binary(max_size=32) for _ in range(16, MAX_FIELDS)),
)
HEADERS = (
    st.integers(MIN_FIELDS, MAX_FIELDS)
    .flatmap(lambda count: st.tuples(*FIELDS[:count]))
    .map(Header)
)


def encoded(headers):
    coder = HeaderCoder()
    return b"".join(map(coder.encode, headers))


def decoded(content):
    return [block.header for block in HeaderCoder().decode(io.BytesIO(content))]


@given(st.lists(HEADERS, max_size=5))
def test_any_headers_come_back(headers):
    assert decoded(encoded(headers)) == headers


def test_an_idle_sealed_block_is_72_bytes():
    headers = list(idle_blocks(50))
    content = encoded(headers)
    assert decoded(content) == headers
    # The base fee falls until it is 7 wei, which follows too; the second block's gap is new.
    assert len(content) < 72 * 50 + len(encoded(headers[:1])) + 50


def test_each_comes_with_its_hash():
    headers = list(idle_blocks(3))
    found = list(HeaderCoder().decode(io.BytesIO(encoded(headers))))
    assert [block.hash for block in found] == [header_hash(header) for header in headers]


def test_what_follows_may_not_be_written(tmp_path):
    first, second = list(idle_blocks(1))
    record = HeaderCoder().encode(first)
    follows = second.fields[3]  # the state's root, the same as before
    coder = HeaderCoder()
    coder.encode(first)
    short = coder.encode(second)
    mask = int.from_bytes(short[1:5])
    longer = short[:1] + (mask | 1 << 3).to_bytes(4) + b"\0\x20" + follows + short[5:]
    with pytest.raises(BundleError, match="longer than it need be"):
        decoded(record + longer)


@pytest.mark.parametrize("bit", [17, 31])
def test_a_part_that_no_header_has_is_refused(bit):
    (first,) = idle_blocks(0)
    record = HeaderCoder().encode(first)
    mask = int.from_bytes(record[1:5]) | 1 << bit
    with pytest.raises(BundleError):
        decoded(record[:1] + mask.to_bytes(4) + record[5:] + b"\0\1x")


def test_a_seal_that_is_not_in_its_place_is_refused():
    fields = SealedChain().headers[0].fields  # of a first block each part is written
    written = [place for place, field in enumerate(fields) if field]
    mask = sum(1 << place for place in written).to_bytes(4)
    parts = (len(fields[place]).to_bytes(2) + fields[place] for place in written)
    with pytest.raises(BundleError, match="not as it is written"):
        decoded(bytes([len(fields)]) + mask + b"".join(parts))


def test_a_header_longer_than_any_is_not_written():
    fields = list(SealedChain().headers[0].fields)
    fields[12] = bytes(2**17)
    with pytest.raises(BundleError, match="longer than any"):
        HeaderCoder().encode(Header(tuple(fields)))
