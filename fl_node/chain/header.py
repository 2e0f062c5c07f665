"""A block's header, and what stands in an idle one because of the header before it."""

from dataclasses import dataclass
from functools import cached_property

from fl_node.errors import ProofError

EMPTY_ROOT = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
EMPTY_OMMERS = bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
EMPTY_BLOOM = bytes(256)
SEAL_BYTES = 65
MIN_FIELDS, MAX_FIELDS = 15, 21  # from Frontier's header to Prague's
_PARENT, _OMMERS, COINBASE, _STATE, TRANSACTIONS, RECEIPTS, _BLOOM = range(7)
DIFFICULTY, NUMBER, _GAS_LIMIT, GAS_USED, TIMESTAMP, EXTRA, MIX, NONCE, _BASE_FEE = range(7, 16)
_MAX_WHOLE_BYTES = 32
_DIGEST_BYTES, _ADDRESS_BYTES = 32, 20
_FIXED_BYTES = {
    **dict.fromkeys((_PARENT, _OMMERS, _STATE, TRANSACTIONS, RECEIPTS, MIX), _DIGEST_BYTES),
    COINBASE: _ADDRESS_BYTES,
    _BLOOM: len(EMPTY_BLOOM),
    NONCE: 8,
}
_WHOLE = (DIFFICULTY, NUMBER, _GAS_LIMIT, GAS_USED, TIMESTAMP, _BASE_FEE)
_ELASTICITY, _FEE_DENOMINATOR = 2, 8  # EIP-1559


@dataclass(frozen=True)
class Header:
    """A block's header.

    :ivar fields: as RLP has them, in the Yellow Paper's order and then that of the forks: whole
        numbers big-endian without leading zeros
    """

    fields: tuple[bytes, ...]

    def __post_init__(self) -> None:
        """Refuse what no header is.

        :raises ProofError: for another number of fields, or one of another length
        """
        if not MIN_FIELDS <= len(self.fields) <= MAX_FIELDS:
            raise ProofError(
                f"a header has {MIN_FIELDS} to {MAX_FIELDS} fields, found {len(self.fields)}"
            )
        for place, length in _FIXED_BYTES.items():
            if len(self.fields[place]) != length:
                raise ProofError(f"field {place} of a header has {length} bytes, found another")
        for place in _WHOLE[: len(_WHOLE) - (len(self.fields) == MIN_FIELDS)]:
            field = self.fields[place]
            if len(field) > _MAX_WHOLE_BYTES or field[:1] == b"\0":
                raise ProofError(f"field {place} of a header is no whole number")

    @cached_property
    def number(self) -> int:
        """How many blocks came before."""
        return int.from_bytes(self.fields[NUMBER])

    @cached_property
    def timestamp(self) -> int:
        """Seconds since 1970."""
        return int.from_bytes(self.fields[TIMESTAMP])

    @property
    def parent(self) -> bytes:
        """The hash of the block before."""
        return self.fields[_PARENT]

    @property
    def extra(self) -> bytes:
        """What the maker of the block added: Clique's vanity, sealers and seal (EIP-225)."""
        return self.fields[EXTRA]

    @property
    def ommers(self) -> bytes:
        """The digest of the uncles."""
        return self.fields[_OMMERS]

    @property
    def is_idle(self) -> bool:
        """Whether the block has no transactions."""
        return self.fields[TRANSACTIONS] == EMPTY_ROOT

    def idle_successor(self, own_hash: bytes, gap_seconds: int) -> tuple[bytes, ...]:
        """Give the fields of an idle block that follows, seal and all as far as they follow.

        :param own_hash: this header's
        :param gap_seconds: between the two blocks
        """
        fields = list(self.fields)
        fields[_PARENT] = own_hash
        fields[TRANSACTIONS] = fields[RECEIPTS] = EMPTY_ROOT
        fields[_BLOOM], fields[GAS_USED] = EMPTY_BLOOM, b""
        fields[NUMBER] = whole_bytes(self.number + 1)
        fields[TIMESTAMP] = whole_bytes(self.timestamp + gap_seconds)
        if len(fields) > _BASE_FEE:
            fields[_BASE_FEE] = whole_bytes(self._next_base_fee())
        return tuple(fields)

    def _next_base_fee(self) -> int:
        """Give what EIP-1559 asks of the block after this one."""
        fee, limit, used = (
            int.from_bytes(self.fields[place]) for place in (_BASE_FEE, _GAS_LIMIT, GAS_USED)
        )
        target = limit // _ELASTICITY
        if used == target or not target:
            return fee
        change = fee * abs(used - target) // target // _FEE_DENOMINATOR
        return fee + max(change, 1) if used > target else fee - change


def whole_bytes(value: int) -> bytes:
    """Give a whole number as RLP has it."""
    return value.to_bytes((value.bit_length() + 7) // 8)
