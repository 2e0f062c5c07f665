"""One content sealed for several parties: what each of them opens is the same, or is refused.

Layout, integers big-endian: recipients u32; for each, in ascending order, its node u32 and the
content's key, sealed for it in 80 bytes; SHA-256 of the content; the content under that key, by
ChaCha20-Poly1305 (RFC 8439) with nonce 0, as a key seals one content, and all before it as
associated data behind the context. The digest is what binds: the cipher alone would let whoever
seals show two parties two contents.
"""

import hashlib
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from fl_node.errors import SealedError
from fl_node.split.channel.keys import SessionKeys, seal

_COUNT_BYTES = _NODE_BYTES = 4
_SEALED_KEY_BYTES = 80
_DIGEST_BYTES = 32
_TAG_BYTES = 16
_NONCE = bytes(12)


def seal_for_all(content: bytes, to: Mapping[int, bytes], context: bytes) -> bytes:
    """Encrypt for these parties.

    :param to: the sealing key in each party's certificate, by node
    :param context: what it belongs to; who opens it must name the same
    :raises SealedError: when a key is none that anything can be sealed for
    """
    key = ChaCha20Poly1305.generate_key()
    sealed = [
        node.to_bytes(_NODE_BYTES, "big") + seal(key, each, context)
        for node, each in sorted(to.items())
    ]
    head = len(sealed).to_bytes(_COUNT_BYTES, "big") + b"".join(sealed)
    head += hashlib.sha256(content).digest()
    return head + ChaCha20Poly1305(key).encrypt(_NONCE, content, context + head)


def open_for(node: int, keys: SessionKeys, envelope: bytes, context: bytes) -> bytes:
    """Read what was sealed for several parties, as one of them.

    :raises SealedError: when nothing in it is for this party, it is of another context, it was
        changed, or it is not what the others find in it
    """
    head, sealed = _parted(envelope, node)
    key = keys.open_sealed(sealed, context)
    try:
        content = ChaCha20Poly1305(key).decrypt(_NONCE, envelope[len(head) :], context + head)
    except (InvalidTag, ValueError) as error:
        raise SealedError(
            f"the content of these {len(envelope)} sealed bytes was changed, or its key is "
            "another: have them sealed again"
        ) from error
    if hashlib.sha256(content).digest() != head[-_DIGEST_BYTES:]:
        raise SealedError(f"these sealed bytes show node {node} something else than they promise")
    return content


def envelope_bytes(content: int, parties: int) -> int:
    """Say how many bytes an envelope of so many bytes for so many parties has."""
    head = _COUNT_BYTES + parties * (_NODE_BYTES + _SEALED_KEY_BYTES) + _DIGEST_BYTES
    return head + content + _TAG_BYTES


def _parted(envelope: bytes, node: int) -> tuple[bytes, bytes]:
    """Give the head, and the key in it that is sealed for a node."""
    count = int.from_bytes(envelope[:_COUNT_BYTES], "big")
    if len(envelope) < envelope_bytes(0, count):
        raise SealedError(f"{len(envelope)} bytes hold nothing that is sealed for {count} parties")
    size = _NODE_BYTES + _SEALED_KEY_BYTES
    starts = range(_COUNT_BYTES, _COUNT_BYTES + count * size, size)
    wanted = node.to_bytes(_NODE_BYTES, "big")
    for start in starts:
        if envelope[start : start + _NODE_BYTES] == wanted:
            end = _COUNT_BYTES + count * size + _DIGEST_BYTES
            return envelope[:end], envelope[start + _NODE_BYTES : start + size]
    raise SealedError(f"these {len(envelope)} sealed bytes hold nothing for node {node}")
