"""A chain over a node's JSON-RPC: Geth, Anvil, or whatever else speaks it."""

import time
from typing import Any, cast

import requests
from eth_typing import BlockNumber
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware
from web3.providers.rpc.utils import ExceptionRetryConfiguration
from web3.types import RPCEndpoint, TxParams, TxReceipt, Wei

from fl_node.chain.connection import Connection

_CONNECT_SECONDS, _ANSWER_SECONDS = 3.05, 20
# A node that restarts is back within a second; whoever needs longer is told, and may go on asking.
_TRIES, _FIRST_PAUSE_SECONDS = 5, 0.1
_VANITY_AND_SEAL_BYTES, _ADDRESS_BYTES = 32 + 65, 20  # of a Clique genesis' extra data (EIP-225)


class RpcConnection(Connection):
    """A chain that a node serves under a URL."""

    def __init__(self, url: str) -> None:
        """Say where the node is; whether it answers shows at the first call."""
        retries = ExceptionRetryConfiguration(
            errors=(requests.ConnectionError, requests.Timeout, requests.HTTPError),
            retries=_TRIES,
            backoff_factor=_FIRST_PAUSE_SECONDS,
        )
        provider = HTTPProvider(
            url,
            request_kwargs={"timeout": (_CONNECT_SECONDS, _ANSWER_SECONDS)},
            exception_retry_configuration=retries,
        )
        self.web3 = Web3(provider, middleware=[])
        self.web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
        self._settled_depth: int | None = None

    @property
    def settled_depth(self) -> int:  # type: ignore[override]
        """More than half of the sealers' blocks; 1 on a chain whose genesis names none."""
        if self._settled_depth is None:
            self._settled_depth = self._sealers() // 2 + 1
        return self._settled_depth

    def now(self) -> float:
        """Give the local clock's time, or the newest block's where that is ahead."""
        newest = self.web3.eth.get_block("latest")["timestamp"]
        return max(time.time(), newest)

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
        if "to" in mined:
            call["to"] = mined["to"]
        block = self.web3.eth.get_block(receipt["blockNumber"])
        clock = {"time": hex(block["timestamp"])}
        for number in (receipt["blockNumber"] - 1, receipt["blockNumber"]):
            found = self._try(call, hex(number), clock)
            if found is not None:
                return found
        return b""

    def _try(self, call: TxParams, block: str, clock: dict[str, str]) -> bytes | None:
        fields = {
            key: hex(value) if isinstance(value, int) else value for key, value in call.items()
        }
        method = RPCEndpoint("eth_call")
        answer = self.web3.provider.make_request(method, [fields, block, {}, clock])
        error = answer.get("error")
        if error is None:
            return None
        data = cast("Any", error).get("data") if isinstance(error, dict) else None
        if not isinstance(data, str):
            raise Web3RPCError(f"{error}", rpc_response=answer)
        return bytes(HexBytes(data))

    def _sealers(self) -> int:
        extra = self.web3.eth.get_block(BlockNumber(0)).get("proofOfAuthorityData", b"")
        addresses = len(extra) - _VANITY_AND_SEAL_BYTES
        return addresses // _ADDRESS_BYTES if addresses > 0 else 1
