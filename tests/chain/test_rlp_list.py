"""Lists in RLP: what another decoder reads, within bounds."""

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st
from rlp.exceptions import RLPException

from fl_node.chain.rlp_list import read_list
from fl_node.errors import ProofError

ITEMS = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=5))
REFUSED = (ProofError, RLPException, IndexError)


def levels(item):
    return 1 + max(map(levels, item), default=0) if isinstance(item, list) else 0


@given(st.lists(ITEMS, max_size=5))
def test_what_is_encoded_is_read_up_to_five_levels(items):
    if levels(items) <= 5:
        assert read_list(rlp.encode(items)) == items
    else:
        with pytest.raises(ProofError, match="levels"):
            read_list(rlp.encode(items))


@given(st.binary(max_size=60))
def test_whatever_is_read_encodes_back_to_itself(content):
    try:
        items = read_list(content)
    except REFUSED:
        return
    assert rlp.encode(items) == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x05",  # bytes, no list
        b"\x82ab",
        b"\xc0\xc0",  # two lists
        b"\xc1",  # less than it says
        b"\xc2\xc2\x01",  # a list that ends after the one that it is in
        b"\xc1\x81",  # a length that is cut off
        b"\xc2\x81\x01",  # longer than it need be
        b"\xf8\x01\x01",
        b"\xf9\x00\x38" + bytes(56),
        b"\xff" * 9,
        b"\xf8",
    ],
    ids=bytes.hex,
)
def test_anything_else_is_refused(content):
    with pytest.raises(REFUSED):
        read_list(content)


def test_more_items_than_any_block_has_are_refused():
    with pytest.raises(ProofError):
        read_list(b"\xfa\x10\x00\x00" + b"\xc0" * 2**20)
    assert len(read_list(b"\xfa\x0f\xff\xff" + b"\xc0" * (2**20 - 1))) == 2**20 - 1
