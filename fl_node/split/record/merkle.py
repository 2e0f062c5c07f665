"""Merkle trees over ordered leaves: RFC 6962, section 2.1, with SHA-256."""

import hashlib
from collections.abc import Callable, Iterable, Sequence

from fl_node.errors import SplitError

_LEAF, _NODE = b"\x00", b"\x01"
_EMPTY = hashlib.sha256().digest()

Ask = Callable[[int, int], bytes]


class Tree:
    """A tree whose complete subtrees are kept, so that any of its hashes takes O(log n)."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        """Hash the leaves, in their order."""
        self._levels = [[leaf_hash(leaf) for leaf in leaves]]
        while len(below := self._levels[-1]) > 1:
            pairs = zip(below[::2], below[1::2], strict=False)  # an odd last one waits
            self._levels.append([_node_hash(left, right) for left, right in pairs])

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """The hash of the whole; of no leaves, that of no bytes."""
        return self.subtree(0, self.size)

    def subtree(self, first: int, count: int) -> bytes:
        """Give the hash of the tree over the leaves ``first`` to ``first + count - 1`` alone.

        It takes O(log n) where ``first`` is a multiple of a power of two that is at least
        ``count``, as in bisection.

        :raises SplitError: when the tree has no such leaves
        """
        if first < 0 or count < 0 or first + count > self.size:
            raise SplitError(f"the tree has {self.size} leaves, not {count} from {first}")
        return self._hash(first, count) if count else _EMPTY

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Give the hashes that lead from a leaf to the root (RFC 6962, section 2.1.1).

        :raises SplitError: when the tree has no such leaf
        """
        if not 0 <= index < self.size:
            raise SplitError(f"the tree has the leaves 0 to {self.size - 1}, not {index}")
        return self._path(index, 0, self.size)

    def _hash(self, first: int, count: int) -> bytes:
        if count & (count - 1) == 0 and first % count == 0:
            return self._levels[count.bit_length() - 1][first // count]
        left = _left(count)
        return _node_hash(self._hash(first, left), self._hash(first + left, count - left))

    def _path(self, index: int, first: int, count: int) -> list[bytes]:
        if count == 1:
            return []
        left = _left(count)
        if index < left:
            return [*self._path(index, first, left), self._hash(first + left, count - left)]
        right = self._path(index - left, first + left, count - left)
        return [*right, self._hash(first, left)]


def leaf_hash(leaf: bytes) -> bytes:
    """Give a leaf's hash."""
    return hashlib.sha256(_LEAF + leaf).digest()


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Tell whether a tree of this size and root has this leaf at this index."""
    if not 0 <= index < size:
        return False
    sides = list(_sides(index, size))
    if len(sides) != len(proof):
        return False
    found = leaf_hash(leaf)
    for is_right, other in zip(reversed(sides), proof, strict=True):
        found = _node_hash(other, found) if is_right else _node_hash(found, other)
    return found == root


def first_difference(tree: Tree, size: int, ask: Ask) -> int | None:
    """Find the first leaf where another tree parts from this one, with O(log n) questions.

    A tree that ends sooner parts there.

    :param size: the number of the other's leaves
    :param ask: gives the other's :meth:`Tree.subtree`
    :returns: the leaf's index, or None where the trees are equal
    :raises SplitError: when the answers contradict each other
    """
    common = min(tree.size, size)
    if common == 0 or ask(0, common) == tree.subtree(0, common):
        return None if tree.size == size else common
    first, count = 0, common
    while count > 1:
        left = _left(count)
        if ask(first, left) != tree.subtree(first, left):
            count = left
        else:
            first, count = first + left, count - left
    if ask(first, 1) == tree.subtree(first, 1):
        raise SplitError(
            f"the trees should part at leaf {first}, where they are equal: the answers about the "
            "other tree contradict each other"
        )
    return first


def _sides(index: int, size: int) -> Iterable[bool]:
    """Give, from the root down, whether the leaf lies to the right."""
    while size > 1:
        left = _left(size)
        is_right = index >= left
        yield is_right
        index, size = (index - left, size - left) if is_right else (index, left)


def _left(count: int) -> int:
    """Give the largest power of two below a count of 2 or more."""
    return 1 << ((count - 1).bit_length() - 1)


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
