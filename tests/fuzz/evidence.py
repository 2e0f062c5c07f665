"""What proves a federation: headers, seals, transactions, receipts, events.

The contract's code, most of a small chain, is not in the corpus: a mark stands for it.
"""

import io
from collections.abc import Callable, Iterator
from functools import cache

from fl_node.bundle.bodies import encode_body, read_body
from fl_node.bundle.evidence import Claim, prove
from fl_node.bundle.frames import frame, read_frame
from fl_node.bundle.headers import HeaderCoder
from fl_node.bundle.ledger import BundleLedger
from fl_node.bundle.manifest import BLOCKS, CODE, HEADERS
from fl_node.chain.abi import decode_call, decode_event, reverted
from fl_node.chain.artifact import federation_artifact
from fl_node.chain.body import Body
from fl_node.chain.clique import Clique, names_sealers
from fl_node.chain.header import RECEIPTS, TRANSACTIONS, Header
from fl_node.chain.history import first_break
from fl_node.chain.proof import header_hash, read_receipt, read_transaction, root_of
from fl_node.errors import FlnodeError
from tests.fuzz.folders import FOLDER
from tests.fuzz.made_up_events import read_made_up

CREATION_MARK, CODE_MARK = b"<creation code>", b"<code>"
CLAIM = Claim(131277322940537, "0x8d140f52d00C1a3091fe0aDa2a505001B9Cd9643", 1)
"""What the chain of the seeds is to prove."""

_LENGTH_BYTES = 2


def evidence(content: bytes) -> None:
    """Read what proves a federation; the first byte says which part of it."""
    _READERS[content[0] % len(_READERS) if content else 0](expanded(content[1:]))


def expanded(content: bytes) -> bytes:
    """Put the contract's code in the place of its marks."""
    for mark, code in code_of().items():
        content = content.replace(mark, code)
    return content


def marked(content: bytes) -> bytes:
    """Put marks in the place of the contract's code."""
    for mark, code in code_of().items():
        content = content.replace(code, mark)
    return content


@cache
def code_of() -> dict[bytes, bytes]:
    """Give what each mark stands for; the code that creates holds that which runs."""
    return {CREATION_MARK: _creation_code(), CODE_MARK: runtime_code()}


def runtime_code() -> bytes:
    """Give code that passes for a federation's: its immutables are zero."""
    return bytes.fromhex(federation_artifact().deployed_bytecode.removeprefix("0x"))


def _creation_code() -> bytes:
    return bytes.fromhex(federation_artifact().bytecode.removeprefix("0x"))


def _transaction(content: bytes) -> None:
    decode_call(read_transaction(content).data)


def _receipt(content: bytes) -> None:
    for log in read_receipt(content).logs:
        decode_event(log.topics, log.data)


def _log(content: bytes) -> None:
    count = content[0] % 5 if content else 0
    topics = [content[1 + 32 * place : 33 + 32 * place] for place in range(count)]
    decode_event(topics, content[1 + 32 * count :])


def _call(content: bytes) -> None:
    decode_call(content)
    raise reverted(content)


def _headers(content: bytes) -> None:
    """Read headers by the rules of Clique if the first names sealers; they are written again."""
    coder, again, clique = HeaderCoder(), b"", None
    for place, block in enumerate(HeaderCoder().decode(io.BytesIO(content))):
        again += coder.encode(block.header)
        if place == 0 and names_sealers(block.header):
            clique = Clique(block.header)
        elif clique is not None:
            clique.follow(block.header)
    assert again == content


def _chain(content: bytes) -> None:
    """Prove headers, with their length before them, and the blocks behind, with roots that fit."""
    stream = io.BytesIO(content)
    headers, blocks = read_frame(stream, _LENGTH_BYTES, len(content)), stream.read()
    _proven(_rooted(headers, blocks), blocks)


def _rooted(headers: bytes, blocks: bytes) -> bytes:
    """Put the blocks' roots into their headers, and link these anew."""
    try:
        return b"".join(_with_roots(headers, io.BytesIO(blocks)))
    except FlnodeError:
        return headers


def _with_roots(headers: bytes, blocks: io.BytesIO) -> Iterator[bytes]:
    coder, parent = HeaderCoder(), bytes(32)
    for block in HeaderCoder().decode(io.BytesIO(headers)):
        fields = list(block.header.fields)
        if block.header.number:
            fields[0] = parent
        if not block.header.is_idle:
            body = read_body(blocks)
            fields[TRANSACTIONS], fields[RECEIPTS] = (
                root_of(body.transactions),
                root_of(body.receipts),
            )
        header = Header(tuple(fields))
        parent = header_hash(header)
        yield coder.encode(header)


def _proven(headers: bytes, blocks: bytes) -> None:
    folder = FOLDER / "evidence"
    folder.mkdir(exist_ok=True)
    for name, found in ((HEADERS, headers), (BLOCKS, blocks), (CODE, runtime_code())):
        (folder / name).write_bytes(found)
    proof = prove(folder, CLAIM)
    first_break(proof.events, CLAIM.chain_id, CLAIM.federation)
    BundleLedger(CLAIM.federation, CLAIM.chain_id, proof).snapshot()


def _body(content: bytes) -> None:
    stream = io.BytesIO(content)
    body: Body = read_body(stream)
    assert content.startswith(encode_body(body))
    root_of(body.transactions)


_READERS: tuple[Callable[[bytes], None], ...] = (
    *(_transaction, _receipt, _log, _call, _headers, _chain, _body, read_made_up),
)
READERS = tuple(reader.__name__.strip("_") for reader in _READERS)


def framed_chain(headers: bytes, blocks: bytes) -> bytes:
    """Give what `evidence` takes apart into headers and blocks."""
    return frame(headers, _LENGTH_BYTES) + blocks
