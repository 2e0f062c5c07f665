"""Who may seal a block: the rules of Clique (EIP-225), from the genesis on."""

from fl_node.chain.header import (
    COINBASE,
    DIFFICULTY,
    EMPTY_OMMERS,
    MIX,
    NONCE,
    SEAL_BYTES,
    Header,
    whole_bytes,
)
from fl_node.chain.proof import sealer_of
from fl_node.errors import ProofError

EPOCH_BLOCKS = 30_000  # EIP-225's, and that of every genesis made here
_VANITY_BYTES, _ADDRESS_BYTES = 32, 20
_NOBODY, _NO_MIX = bytes(_ADDRESS_BYTES), bytes(32)
_AUTHORISE, _DROP = b"\xff" * 8, bytes(8)
_IN_TURN, _OUT_OF_TURN = whole_bytes(2), whole_bytes(1)


class Clique:
    """The sealers of a chain, block by block; no more is kept than they and their votes.

    :ivar least_gap_seconds: between two blocks so far, the genesis apart; None before the second
    """

    def __init__(self, genesis: Header) -> None:
        """Begin with the sealers that the genesis names.

        :raises ProofError: when it names none
        """
        if not names_sealers(genesis):
            raise ProofError("a genesis that names sealers was expected, found one without")
        self._sealers = sorted(set(_listed(genesis)))
        self._recent: dict[int, bytes] = {}
        self._votes: dict[bytes, set[bytes]] = {}  # about whom, and by whom
        self._parent = genesis
        self.least_gap_seconds: int | None = None

    @property
    def sealers(self) -> list[bytes]:
        """Those who may seal now, sorted."""
        return list(self._sealers)

    def follow(self, header: Header) -> None:
        """Check the next block, and count its vote.

        :raises ProofError: when it breaks a rule, naming block and rule
        """
        self._check_form(header)
        self._check_time(header)
        self._recent.pop(header.number - self._limit, None)
        sealer = sealer_of(header)
        self._check_sealer(header, sealer)
        self._recent[header.number] = sealer
        if header.number % EPOCH_BLOCKS == 0:
            self._votes.clear()
        else:
            self._count(header, sealer)
        self._parent = header

    @property
    def _limit(self) -> int:
        """Of so many blocks in a row a sealer makes one."""
        return len(self._sealers) // 2 + 1

    def _check_form(self, header: Header) -> None:
        named, checkpoint = _listed(header), header.number % EPOCH_BLOCKS == 0
        vote = header.fields[NONCE]
        wrong = {
            "has uncles": header.ommers != EMPTY_OMMERS,
            "has a mix digest": header.fields[MIX] != _NO_MIX,
            "is not sealed": len(header.extra) < _VANITY_BYTES + SEAL_BYTES,
            "casts no vote that is one": vote not in (_AUTHORISE, _DROP),
            "votes at a checkpoint": checkpoint
            and (header.fields[COINBASE] != _NOBODY or vote != _DROP),
            "names other sealers": named != (self._sealers if checkpoint else []),
        }
        self._refuse(header, wrong)

    def _check_time(self, header: Header) -> None:
        gap = header.timestamp - self._parent.timestamp
        self._refuse(header, {"is not later than the one before": gap < 1})
        if self._parent.number:
            self.least_gap_seconds = min(gap, self.least_gap_seconds or gap)

    def _check_sealer(self, header: Header, sealer: bytes) -> None:
        count = len(self._sealers)
        in_turn = sealer in self._sealers and self._sealers[header.number % count] == sealer
        difficulty = _IN_TURN if in_turn else _OUT_OF_TURN
        shown = f"0x{sealer.hex()}"
        wrong = {
            f"is signed by {shown}, none of the {count} sealers": sealer not in self._sealers,
            f"is signed by {shown}, whose turn is over": sealer in self._recent.values(),
            "has another difficulty than its turn": header.fields[DIFFICULTY] != difficulty,
        }
        self._refuse(header, wrong)

    def _refuse(self, header: Header, wrong: dict[str, bool]) -> None:
        for what, found in wrong.items():
            if found:
                raise ProofError(f"block {header.number} {what}: the chain is not what it says")

    def _count(self, header: Header, sealer: bytes) -> None:
        candidate, wanted = header.fields[COINBASE], header.fields[NONCE] == _AUTHORISE
        ayes = self._votes.setdefault(candidate, set())
        ayes.discard(sealer)
        if wanted == (candidate in self._sealers):
            return  # a vote for what is so already
        ayes.add(sealer)
        if len(ayes) > len(self._sealers) // 2:
            self._admit(candidate) if wanted else self._expel(candidate, header.number)
            self._votes.pop(candidate)

    def _admit(self, candidate: bytes) -> None:
        self._sealers = sorted([*self._sealers, candidate])

    def _expel(self, candidate: bytes, number: int) -> None:
        self._sealers.remove(candidate)
        self._recent.pop(number - self._limit, None)  # fewer sealers wait for fewer blocks
        for ayes in self._votes.values():
            ayes.discard(candidate)


def names_sealers(genesis: Header) -> bool:
    """Tell whether a chain begins with sealers, sorted or not."""
    extra = len(genesis.extra) - _VANITY_BYTES - SEAL_BYTES
    return extra >= _ADDRESS_BYTES and extra % _ADDRESS_BYTES == 0


def _listed(header: Header) -> list[bytes]:
    listed = header.extra[_VANITY_BYTES:-SEAL_BYTES]
    starts = range(0, len(listed), _ADDRESS_BYTES)
    return [listed[start : start + _ADDRESS_BYTES] for start in starts]
