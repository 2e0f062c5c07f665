"""What a federation's owner may do about a round: another header, a restart, more rounds, terms."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fl_node.chain.accounts import lock_account
from fl_node.chain.ethereum import checksum_address
from fl_node.chain.ledger import Ledger
from fl_node.chain.timeline import read_timeline
from fl_node.config import load_settings
from fl_node.connect import open_ledger, open_signer
from fl_node.rounds import Terms


def set_header(home: Path, account: str) -> str:
    """Make another account the header, at once; give its address.

    :param home: the folder of the owner's host, as in every call here
    :raises FlnodeError: when it is no address, or this is not the owner's host
    """
    header = checksum_address(account)
    with _owning(home) as ledger:
        if ledger.snapshot().header != header:
            ledger.set_header(header)
    return header


def reopen(home: Path, number: int | None) -> int:
    """Restart a round from the base that it had; give its number.

    :param number: the open round, or the one before while its global is not final; None means the
        open one
    :raises FlnodeError: when it is another, or this is not the owner's host
    """
    with _owning(home) as ledger:
        wanted = ledger.snapshot().round.number if number is None else number
        ledger.reopen(wanted)
    return wanted


def extend(home: Path, rounds: int) -> int:
    """Raise the number of the last round; give what it was.

    :raises FlnodeError: when it is no more than it was, or this is not the owner's host
    """
    with _owning(home) as ledger:
        before = ledger.snapshot().terms.rounds
        ledger.extend(rounds)
    return before


def change_terms(home: Path, changes: dict[str, int]) -> Terms:
    """Change terms from the next opening on; give them all.

    :param changes: fields of `Terms`
    :raises FlnodeError: when they contradict each other, or this is not the owner's host
    """
    with _owning(home) as ledger:
        terms = replace(read_timeline(ledger)[1].pending_terms, **changes)
        ledger.set_terms(terms)
    return terms


@contextmanager
def _owning(home: Path) -> Iterator[Ledger]:
    settings = load_settings(home)
    signer = open_signer(home, settings, "owner_keystore")
    with lock_account(signer.address):
        ledger = open_ledger(home, settings, signer)
        yield ledger
        ledger.wait_settled()
