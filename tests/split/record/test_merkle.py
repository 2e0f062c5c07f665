import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.errors import SplitError
from fl_node.split.record.merkle import Tree, first_difference, leaf_hash, verify_inclusion
from tests.vectors import read_vectors

VECTORS = read_vectors("merkle.json")
LEAVES = [bytes.fromhex(leaf) for leaf in VECTORS["leaves"]]
CONTENT = st.lists(st.binary(max_size=3), max_size=40)


def slow_root(leaves):
    """RFC 6962, section 2.1, as it is written."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + slow_root(leaves[:split]) + slow_root(leaves[split:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_that_certificate_transparency_publishes(size):
    assert Tree(LEAVES[:size]).root.hex() == VECTORS["roots"][size]


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda v: f"{v['index']}/{v['size']}")
def test_inclusion_proofs_are_those_that_certificate_transparency_publishes(vector):
    tree = Tree(LEAVES[: vector["size"]])
    proof = tree.inclusion_proof(vector["index"])
    assert [each.hex() for each in proof] == vector["proof"]
    assert verify_inclusion(
        LEAVES[vector["index"]], vector["index"], vector["size"], proof, tree.root
    )


@given(CONTENT, st.data())
def test_every_subtree_is_the_tree_of_its_leaves(leaves, data):
    first = data.draw(st.integers(0, len(leaves)))
    count = data.draw(st.integers(0, len(leaves) - first))
    assert Tree(leaves).subtree(first, count) == slow_root(leaves[first : first + count])


@given(CONTENT.filter(bool), st.data())
def test_a_proof_holds_for_its_leaf_index_size_and_root_only(leaves, data):
    tree = Tree(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    leaf, size, proof, root = leaves[index], len(leaves), tree.inclusion_proof(index), tree.root
    assert verify_inclusion(leaf, index, size, proof, root)
    assert not verify_inclusion(leaf + b"!", index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, [*proof, bytes(32)], root)
    assert not verify_inclusion(leaf, index, size, proof[:-1], root) or size == 1
    assert not verify_inclusion(leaf, index, size, proof, bytes(32))
    assert not verify_inclusion(leaf, -1, size, proof, root)
    assert not verify_inclusion(leaf, size, size, proof, root)
    others = (other for other in range(size) if leaves[other] != leaf)
    assert not any(verify_inclusion(leaf, other, size, proof, root) for other in others)


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=40), st.data())
def test_one_changed_bit_changes_the_root(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    leaf = bytearray(leaves[index])
    bit = data.draw(st.integers(0, 8 * len(leaf) - 1))
    leaf[bit // 8] ^= 1 << bit % 8
    assert Tree([*leaves[:index], bytes(leaf), *leaves[index + 1 :]]).root != Tree(leaves).root


@given(CONTENT)
def test_the_order_of_the_leaves_matters(leaves):
    assert (Tree(leaves[::-1]).root == Tree(leaves).root) == (leaves == leaves[::-1])


def linear_difference(mine, others):
    pairs = zip(mine, others, strict=False)
    parted = (index for index, (one, other) in enumerate(pairs) if one != other)
    end = None if len(mine) == len(others) else min(len(mine), len(others))
    return next(parted, end)


@given(st.lists(st.binary(max_size=1), max_size=70), st.data())
def test_bisection_finds_what_a_look_at_each_leaf_finds(mine, data):
    others = list(mine)
    for index in data.draw(st.lists(st.integers(0, 69), max_size=3)):
        others[index : index + 1] = [data.draw(st.binary(max_size=1))]
    others = others[: data.draw(st.integers(0, 70))] + data.draw(CONTENT)[:2]
    tree, other, asked = Tree(mine), Tree(others), []

    def ask(first, count):
        asked.append((first, count))
        return other.subtree(first, count)

    assert first_difference(tree, other.size, ask) == linear_difference(mine, others)
    assert len(asked) <= 2 + max(len(mine), 1).bit_length()


def test_a_hundred_thousand_leaves_take_eighteen_questions():
    leaves = [index.to_bytes(4) for index in range(100_000)]
    mine, asked = Tree(leaves), []
    leaves[77_777] = b"another"
    other = Tree(leaves)

    def ask(first, count):
        asked.append(count)
        return other.subtree(first, count)

    assert first_difference(mine, other.size, ask) == 77_777
    assert len(asked) <= 19


def test_answers_that_contradict_each_other_are_told():
    tree = Tree(LEAVES)

    def ask(first, count):
        return bytes(32) if count == 8 else tree.subtree(first, count)

    with pytest.raises(SplitError, match="leaf 7, where they are equal: the answers"):
        first_difference(tree, 8, ask)


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, 9), (8, 1), (0, -1)])
def test_no_tree_gives_leaves_that_it_has_not(first, count):
    with pytest.raises(SplitError, match="8 leaves"):
        Tree(LEAVES).subtree(first, count)


@pytest.mark.parametrize("index", [-1, 8])
def test_no_tree_proves_a_leaf_that_it_has_not(index):
    with pytest.raises(SplitError, match="leaves 0 to 7"):
        Tree(LEAVES).inclusion_proof(index)


def test_a_leaf_is_no_node():
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert Tree([b"a", b"b"]).root != Tree([left + right]).root
