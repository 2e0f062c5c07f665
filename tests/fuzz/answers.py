"""What a node of the chain answers: one answer is the bytes' own, all others are recorded ones."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hexbytes import HexBytes
from web3.types import Nonce

from fl_node.chain import transaction
from fl_node.chain.connection import Connection
from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.excerpt import Excerpt
from fl_node.chain.node_provider import NodeProvider
from fl_node.chain.rpc import RpcConnection
from fl_node.chain.timeline import read_timeline
from fl_node.chain.transaction import Sent
from fl_node.chain.vitals import Vitals
from fl_node.chain.web3_errors import web3_errors
from tests.fuzz.evidence import code_of

RECORDED = Path(__file__).parent / "recorded_answers.json"
_PLACES = 3
_URL = "http://127.0.0.1:1"  # nobody is asked


class RecordedNode(NodeProvider):
    """Answers from a record, but for one question.

    :param place: how many questions of the method come before it
    :param frame: whether the bytes are the whole answer, or a result
    """

    def __init__(self, method: str, place: int, content: bytes, *, frame: bool) -> None:
        super().__init__(_URL)
        self._method, self._left = method, place
        self._content, self._frame = content, frame

    def _exchange(self, request: bytes) -> bytes:
        asked = json.loads(request)
        if asked["method"] == self._method:
            self._left -= 1
            if self._left == -1:
                return self._content if self._frame else framed(asked["id"], self._content)
        return framed(asked["id"], _recorded(asked["method"], asked["params"]).encode())


def framed(number: int, result: bytes) -> bytes:
    """Give an answer around a result."""
    return b'{"id":%d,"jsonrpc":"2.0","result":%s}' % (number, result)


def key_of(method: str, params: list[Any]) -> str:
    """Name a question; the moment of asking is not part of it."""
    timeless = [each for each in params if not (isinstance(each, dict) and "time" in each)]
    return f"{method} {json.dumps(timeless, sort_keys=True)}"


def rpc(content: bytes) -> None:
    """Ask a node; the first byte says what for, the second and third which answer the rest is."""
    if len(content) < _PLACES:
        return
    act = ACTS[content[0] % len(ACTS)]
    asked = _asked_by(act.__name__)
    method = asked[content[1] % len(asked)]
    connection = RpcConnection(_URL)
    connection.web3.provider = RecordedNode(
        method, content[2] % 8, content[_PLACES:], frame=content[1] >= 128
    )
    with (
        patch.object(transaction, "_MINED_SECONDS", 0.01),
        patch.object(transaction, "_POLL_SECONDS", 0.001),
    ):
        act(connection)


@cache
def _record() -> dict[str, str]:
    content = RECORDED.read_text()
    for mark, code in code_of().items():
        content = content.replace(mark.decode(), code.hex())
    record: dict[str, Any] = json.loads(content)
    return {key: json.dumps(result) for key, result in record.items()}


def _recorded(method: str, params: list[Any]) -> str:
    """Give the answer to the same question, or to another about the same."""
    record = _record()
    return record.get(key_of(method, params)) or next(
        (found for key, found in record.items() if key.startswith(method + " ")), "null"
    )


@cache
def _asked_by(act: str) -> list[str]:
    return json.loads(RECORDED.read_text())["asked"][act]


def _ledger(connection: Connection) -> EthereumLedger:
    return EthereumLedger(connection, _federation(), embedded_account("owner"))


@cache
def _federation() -> str:
    return str(json.loads(RECORDED.read_text())["federation"])


def constants(connection: Connection) -> None:
    """Read what never changes."""
    ledger = _ledger(connection)
    ledger.plan()
    ledger.owner()
    ledger.head()
    ledger.now()


def state(connection: Connection) -> None:
    """Read what holds now."""
    ledger = _ledger(connection)
    ledger.snapshot()
    ledger.member(1)
    ledger.local_weight(1)


def events(connection: Connection) -> None:
    """Read what happened."""
    read_timeline(_ledger(connection))


def write(connection: Connection) -> None:
    """Send a transaction and await its receipt."""
    _ledger(connection).set_header(embedded_account("header").address)


def refused_write(connection: Connection) -> None:
    """Send what the contract refuses."""
    _ledger(connection).extend(1)


def why_reverted(connection: RpcConnection) -> None:
    """Look for a receipt, and for why its transaction failed."""
    digest = HexBytes(json.loads(RECORDED.read_text())["sent"])
    with web3_errors("a receipt"):
        found = transaction.find_receipt(connection, Sent(HexBytes(b""), digest, Nonce(0)))
        if found is not None:
            connection.revert_data(found)


def excerpt(connection: Connection) -> None:
    """Read blocks for a bundle."""
    found = Excerpt(connection, _federation())
    found.code()
    for _ in found.blocks():
        pass


def vitals(connection: Connection) -> None:
    """Ask a node how it is."""
    found = Vitals(connection)
    for ask in (found.client, found.chain_id, found.genesis, found.newest, found.peers):
        ask()
    found.blocks_behind()
    found.code(_federation())
    found.balance_wei(_federation())
    found.gas_price_wei()


ACTS: tuple[Callable[[RpcConnection], None], ...] = (
    *(constants, state, events, write, refused_write, why_reverted, excerpt, vitals),
)
