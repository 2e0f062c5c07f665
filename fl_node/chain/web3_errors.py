"""What web3 raises, and what becomes of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from eth_abi.exceptions import EncodingError
from web3.exceptions import (
    BlockNotFound,
    MismatchedABI,
    RequestTimedOut,
    TransactionIndexingInProgress,
    TransactionNotFound,
    Web3Exception,
)

from fl_node.errors import LedgerError, UnreachableError

_SHOWN_LETTERS = 300
# What Geth and Anvil say of blocks that they have not, or not yet again after a restart.
_BEHIND = (
    "header not found",
    "unknown block",
    "block not found",
    "blocknotfound",
    "blockoutofrange",
    "beyond current head",
    "missing trie node",
)
# A block that a re-ordering took away while it was read is among what passes.
_PASSING = (
    OSError,
    BlockNotFound,
    RequestTimedOut,
    TransactionIndexingInProgress,
    TransactionNotFound,
)


@contextmanager
def web3_errors(asked: str, *arguments: object) -> Iterator[None]:
    """Make web3's exceptions ours.

    :param asked: what the chain is asked for
    :raises UnreachableError: when the node is away or behind, so that waiting may help
    :raises LedgerError: when it refuses, or answers something else than was asked
    """
    try:
        yield
    except (MismatchedABI, EncodingError) as error:
        raise LedgerError(
            f"{asked} does not take {arguments}: see the ranges of its ABI"
        ) from error
    except (Web3Exception, OSError) as error:  # a connection that fails is an OSError
        message = f"{asked} was asked of the chain, found: {_shown(error)}"
        raise (UnreachableError if _passes(error) else LedgerError)(message) from error


def _passes(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, _PASSING) or any(phrase in text for phrase in _BEHIND)


def _shown(error: Exception) -> str:
    """Give one line without what would steer a terminal: some of it is the node's own text."""
    line = " ".join(str(error).split())
    return "".join(letter for letter in line if letter.isprintable())[:_SHOWN_LETTERS]
