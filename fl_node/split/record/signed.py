"""Records: what a sender signs of each message; 105 bytes, with the signature a leaf of 169.

Layout, integers big-endian: session 32, epoch u32, step u32, phase u8, body digest 32 (BLAKE3),
digest of the previous record 32; then Ed25519 (RFC 8032) over ``flnode split record`` and the 105.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from blake3 import blake3

from fl_node.errors import SplitError
from fl_node.split.record.phase import Phase
from fl_node.split.record.refusal import Refusal, UnfitError

_LAYOUT = struct.Struct(">32sIIB32s32s")
RECORD_BYTES = _LAYOUT.size
SIGNATURE_BYTES = 64
LEAF_BYTES = RECORD_BYTES + SIGNATURE_BYTES
DIGEST_BYTES = 32
_SIGNED = b"flnode split record"
_SESSION = b"flnode split session"
_ADDRESS_LETTERS = 42
_MOST_COUNTED = 2**32 - 1

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], bool]


def session_id(chain_id: int, contract: str, node: int) -> bytes:
    """Name one node's session with the provider of a contract.

    :param contract: its address, ``0x`` and 40 hexadecimal digits
    :raises SplitError: for what is no address, or numbers out of range
    """
    address = _address(contract)
    if not 0 <= chain_id < 2**256 or not 1 <= node <= _MOST_COUNTED:
        raise SplitError(f"no session has the chain {chain_id} and the node {node}")
    named = _SESSION + chain_id.to_bytes(32, "big") + address + node.to_bytes(4, "big")
    return hashlib.sha256(named).digest()


def body_digest(body: bytes | memoryview) -> bytes:
    """Give the BLAKE3 digest of a message's body."""
    return blake3(body).digest()


@dataclass(frozen=True)
class Record:
    """What a sender says of one message.

    :ivar session: see :func:`session_id`
    :ivar epoch: from 1
    :ivar step: from 1 in each epoch
    :ivar body: see :func:`body_digest`
    :ivar previous: digest of the record before it, see :mod:`fl_node.split.record.history`
    """

    session: bytes
    epoch: int
    step: int
    phase: Phase
    body: bytes
    previous: bytes

    def __post_init__(self) -> None:
        """Refuse what the layout does not hold.

        :raises SplitError: for digests of other lengths, or epochs and steps out of range
        """
        for name in ("session", "body", "previous"):
            if len(found := getattr(self, name)) != DIGEST_BYTES:
                raise SplitError(f"a record's {name} has {DIGEST_BYTES} bytes, not {len(found)}")
        for name in ("epoch", "step"):
            if not 1 <= (number := getattr(self, name)) <= _MOST_COUNTED:
                raise SplitError(f"a record's {name} counts from 1 in 32 bits, found {number}")

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the record, which the next one names as its previous."""
        return hashlib.sha256(self.encode()).digest()

    def encode(self) -> bytes:
        """Give the 105 bytes."""
        return _LAYOUT.pack(
            self.session, self.epoch, self.step, self.phase, self.body, self.previous
        )

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Read a record.

        :raises UnfitError: for another length, an unknown phase, or an epoch or step 0
        """
        if len(content) != RECORD_BYTES:
            raise UnfitError(
                Refusal.NOT_CANONICAL, f"a record has {RECORD_BYTES} bytes, found {len(content)}"
            )
        session, epoch, step, phase, body, previous = _LAYOUT.unpack(content)
        if phase > max(Phase):
            raise UnfitError(Refusal.WRONG_PHASE, f"a phase is 0 to {max(Phase)}, found {phase}")
        for refusal, number in ((Refusal.WRONG_EPOCH, epoch), (Refusal.WRONG_STEP, step)):
            if number == 0:
                raise UnfitError(refusal, "epochs and steps count from 1, found 0")
        return cls(session, epoch, step, Phase(phase), body, previous)


@dataclass(frozen=True)
class SignedRecord:
    """A record and its sender's signature."""

    record: Record
    signature: bytes

    def __post_init__(self) -> None:
        """Refuse a signature of another length.

        :raises SplitError: naming it
        """
        if len(self.signature) != SIGNATURE_BYTES:
            raise SplitError(
                f"a signature has {SIGNATURE_BYTES} bytes, found {len(self.signature)}"
            )

    @classmethod
    def sign(cls, record: Record, sign: Sign) -> Self:
        """Sign a record.

        :param sign: from bytes to 64 bytes of Ed25519
        """
        return cls(record, sign(_SIGNED + record.encode()))

    def is_signed(self, verify: Verify) -> bool:
        """Tell whether the signature is by the key of ``verify(content, signature)``."""
        return verify(_SIGNED + self.record.encode(), self.signature)

    def encode(self) -> bytes:
        """Give the 169 bytes of a leaf."""
        return self.record.encode() + self.signature

    @classmethod
    def decode(cls, leaf: bytes) -> Self:
        """Read a leaf.

        :raises UnfitError: as :meth:`Record.decode`, and for another length
        """
        if len(leaf) != LEAF_BYTES:
            raise UnfitError(
                Refusal.NOT_CANONICAL, f"a leaf has {LEAF_BYTES} bytes, found {len(leaf)}"
            )
        return cls(Record.decode(leaf[:RECORD_BYTES]), leaf[RECORD_BYTES:])


def _address(text: str) -> bytes:
    digits = text[2:]
    whole = len(text) == _ADDRESS_LETTERS and text.startswith("0x")
    if not whole or not set(digits) <= set("0123456789abcdefABCDEF"):
        raise SplitError(f"a contract is 0x and 40 hexadecimal digits, found {text!r}")
    return bytes.fromhex(digits)
