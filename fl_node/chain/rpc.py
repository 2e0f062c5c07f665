"""A chain over a node's JSON-RPC: Geth, Anvil, or whatever else speaks it."""

import re
import time
from typing import Any, cast

from eth_typing import BlockNumber
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import BadResponseFormat, BlockNotFound, Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware
from web3.types import RPCEndpoint, RPCResponse, TxParams, TxReceipt, Wei

from fl_node.chain.body import Body
from fl_node.chain.connection import Connection
from fl_node.chain.header import Header
from fl_node.chain.node_provider import NodeProvider
from fl_node.chain.raw_blocks import header_of, receipt_of, to_bytes

# What Geth and Anvil say of a call that fails and gives nothing back.
_HEX = re.compile("0x(?:[0-9a-fA-F]{2})+")
_FAILED = ("out of gas", "outofgas", "reverted")
_VANITY_AND_SEAL_BYTES, _ADDRESS_BYTES = 32 + 65, 20  # of a Clique genesis' extra data (EIP-225)


class RpcConnection(Connection):
    """A chain that a node serves under a URL."""

    def __init__(self, url: str) -> None:
        """Say where the node is; whether it answers shows at the first call.

        :raises LedgerError: when the text is no URL of a node
        """
        self.web3 = Web3(NodeProvider(url), middleware=[])
        self.web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
        self._chain_id: int | None = None
        self._settled_depth: int | None = None

    @property
    def chain_id(self) -> int:
        """Ask once: a node that names another later gets no signature for that."""
        if self._chain_id is None:
            self._chain_id = self.web3.eth.chain_id
        return self._chain_id

    @property
    def settled_depth(self) -> int:  # type: ignore[override]
        """More than half of the sealers' blocks; 1 on a chain whose genesis names none."""
        if self._settled_depth is None:
            self._settled_depth = self._sealers() // 2 + 1
        return self._settled_depth

    def now(self) -> float:
        """Give the local clock's second, or the newest block's where that is ahead."""
        newest = self.web3.eth.get_block("latest")["timestamp"]
        return max(int(time.time()), newest)

    def tip(self) -> Wei:
        """Ask the node what its sealers want."""
        return self.web3.eth.max_priority_fee

    def refusal(self, call: TxParams) -> bytes | None:
        """Try a call on the newest state at the time of now: an idle chain's clock stands still."""
        return self._try(call, "latest", {"time": hex(int(self.now()))})

    def revert_data(self, receipt: TxReceipt) -> bytes:
        """Try a mined transaction again: on the state before its block, then on that after it.

        What went before it in its own block may be why it failed.
        """
        mined = self.web3.eth.get_transaction(receipt["transactionHash"])
        call: TxParams = {"from": mined["from"], "gas": mined["gas"], "data": mined["input"]}
        if mined["to"]:
            call["to"] = mined["to"]
        block = self.web3.eth.get_block(receipt["blockNumber"])
        clock = {"time": hex(block["timestamp"])}
        for number in (receipt["blockNumber"] - 1, receipt["blockNumber"]):
            found = self._try(call, hex(number), clock)
            if found is not None:
                return found
        return b""

    def header(self, number: int) -> Header:
        """Put a block's header together from its fields; its hash says whether that is right."""
        return header_of(self._ask("eth_getBlockByNumber", hex(number), False))

    def body(self, number: int) -> Body:
        """Ask for a block's transactions, and put its receipts together from their fields."""
        listed = self._ask("eth_getBlockByNumber", hex(number), False).get("transactions", [])
        raws = [self._ask("eth_getRawTransactionByHash", each) for each in listed]
        receipts = self._ask("eth_getBlockReceipts", hex(number))
        if len(receipts) != len(raws):
            raise BadResponseFormat(f"block {number} with other receipts than transactions")
        return Body(tuple(map(to_bytes, raws)), tuple(map(receipt_of, receipts)))

    def _ask(self, method: str, *parameters: object) -> Any:
        """Ask past web3, which renames and drops fields.

        :raises BlockNotFound: when the node has not, or no more, what it is asked for
        """
        answer = self.web3.provider.make_request(RPCEndpoint(method), list(parameters))
        if error := answer.get("error"):
            raise Web3RPCError(f"{method}: {error}", rpc_response=answer)
        if answer["result"] is None:
            raise BlockNotFound(f"{method}: the node knows nothing of {parameters[0]}")
        return answer["result"]

    def _try(self, call: TxParams, block: str, clock: dict[str, str]) -> bytes | None:
        fields = {
            key: hex(value) if isinstance(value, int) else value for key, value in call.items()
        }
        method = RPCEndpoint("eth_call")
        answer = self.web3.provider.make_request(method, [fields, block, {}, clock])
        error = answer.get("error")
        if error is None:
            return None
        return _given_back(cast("dict[str, Any]", error), answer)

    def _sealers(self) -> int:
        extra = self.web3.eth.get_block(BlockNumber(0)).get("proofOfAuthorityData", b"")
        addresses = len(extra) - _VANITY_AND_SEAL_BYTES
        return addresses // _ADDRESS_BYTES if addresses > 0 else 1


def _given_back(error: dict[str, Any], answer: RPCResponse) -> bytes:
    """Find what a failed call gave back: selector and arguments, or nothing."""
    data = error.get("data", "")
    if _HEX.fullmatch(data):
        return bytes(HexBytes(data))
    if any(phrase in error["message"].lower() for phrase in _FAILED):
        return b""
    raise Web3RPCError(f"{error}", rpc_response=answer)
