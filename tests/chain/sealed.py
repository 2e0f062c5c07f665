"""Chains of headers that test keys seal by the rules of Clique (EIP-225), or against them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import rlp
from eth_keys import keys
from eth_utils import keccak

from fl_node.chain.clique import EPOCH_BLOCKS
from fl_node.chain.header import (
    COINBASE,
    DIFFICULTY,
    EMPTY_BLOOM,
    EMPTY_OMMERS,
    EMPTY_ROOT,
    EXTRA,
    NONCE,
    SEAL_BYTES,
    Header,
    whole_bytes,
)
from fl_node.chain.proof import header_hash

KEYS = sorted(
    (keys.PrivateKey(keccak(text=f"sealer {number}")) for number in range(5)),
    key=lambda key: key.public_key.to_canonical_address(),
)
ADDRESSES = [key.public_key.to_canonical_address() for key in KEYS]
VANITY, NO_SEAL = bytes(32), bytes(SEAL_BYTES)
GENESIS_SECONDS = 1_700_000_000
AUTHORISE, DROP = b"\xff" * 8, bytes(8)


@dataclass
class SealedChain:
    """Empty blocks, one a second; who seals is said, or the rules' next one does."""

    count: int = 3
    headers: list[Header] = field(default_factory=list)

    def __post_init__(self) -> None:
        listed = b"".join(ADDRESSES[: self.count])
        self.headers.append(
            Header(
                (
                    *(bytes(32), EMPTY_OMMERS, bytes(20), b"\7" * 32, EMPTY_ROOT, EMPTY_ROOT),
                    *(EMPTY_BLOOM, b"\1", b"", whole_bytes(30_000_000), b""),
                    *(whole_bytes(GENESIS_SECONDS), VANITY + listed + NO_SEAL),
                    *(bytes(32), bytes(8), whole_bytes(10**9)),
                )
            )
        )

    def block(
        self, sealer: int | None = None, changes: Mapping[int, bytes] | None = None
    ) -> Header:
        """Make the next block, without adding it.

        :param changes: fields by their place, that are otherwise than the rules want
        """
        last = self.headers[-1]
        fields = list(last.idle_successor(header_hash(last), 1))
        number = last.number + 1
        signer = number % self.count if sealer is None else sealer
        fields[DIFFICULTY] = whole_bytes(2 if signer == number % self.count else 1)
        named = [] if number % EPOCH_BLOCKS else ADDRESSES[: self.count]
        fields[EXTRA] = VANITY + b"".join(named) + NO_SEAL
        fields[COINBASE], fields[NONCE] = bytes(20), DROP
        for place, value in (changes or {}).items():
            fields[place] = value
        return sealed(fields, signer)

    def add(self, sealer: int | None = None, changes: Mapping[int, bytes] | None = None) -> Header:
        self.headers.append(self.block(sealer, changes))
        return self.headers[-1]


def sealed(fields: list[bytes], sealer: int) -> Header:
    extra = fields[EXTRA]
    digest = keccak(rlp.encode([*fields[:EXTRA], extra[:-SEAL_BYTES], *fields[EXTRA + 1 :]]))
    seal = KEYS[sealer].sign_msg_hash(digest).to_bytes()
    fields[EXTRA] = extra[:-SEAL_BYTES] + seal
    return Header(tuple(fields))


def idle_blocks(count: int) -> Iterator[Header]:
    """Give a genesis and so many blocks of three sealers, without keeping them."""
    chain = SealedChain()
    yield chain.headers[0]
    for _ in range(count):
        yield chain.add()
        del chain.headers[0]
