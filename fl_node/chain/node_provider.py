"""JSON-RPC over HTTP to one node, whose answers are bounded in time, size and nesting."""

import ipaddress
import json
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from web3.exceptions import BadResponseFormat
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from fl_node.canonical import parse_json
from fl_node.chain.answers import AnswerError, result_of
from fl_node.errors import CanonicalError, LedgerError

_CONNECT_SECONDS, _ANSWER_SECONDS = 3.05, 20.0
# A node that restarts is back within a second; whoever needs longer is told, and may go on asking.
_TRIES, _FIRST_PAUSE_SECONDS = 5, 0.1
_MAX_ANSWER_BYTES = 16 * 2**20  # 10,000 blocks full of a federation's logs are less than half
_PIECE_BYTES = 2**16
_SHOWN_LETTERS = 200
# Uncompressed, so that a few bytes on the way are no gigabyte here.
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)

_Result = TypeVar("_Result")


class NodeProvider(JSONBaseProvider):
    """A node under a URL; `ConnectionError` says that it is away, `BadResponseFormat` that it lies.

    Each request may be repeated: whoever sends a transaction twice sends one.
    """

    # A contract's answer must not make this process fetch from elsewhere (EIP-3668).
    global_ccip_read_enabled = False

    def __init__(self, url: str) -> None:
        """Say where the node is; whether it answers shows at the first request.

        :raises LedgerError: when the text is no URL of a node
        """
        super().__init__()
        self._url = url
        self._place = _place(url)
        self._session = requests.Session()
        # A node on this machine is asked directly, whatever proxy the environment names.
        self._session.trust_env = not _is_loopback(url)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Ask, and give an answer that is one: a result of the method's shape, or an error."""
        request = self.encode_rpc_request(method, params)
        content = _patiently(lambda: self._exchange(request))
        try:
            return _answer(method, json.loads(request)["id"], parse_json(content))
        except (CanonicalError, AnswerError) as error:
            raise BadResponseFormat(
                f"an answer of {self._place} to {method} that is none: {_shown(error)}"
            ) from error

    def _exchange(self, request: bytes) -> bytes:
        deadline = time.monotonic() + _ANSWER_SECONDS
        try:
            with self._session.post(
                self._url,
                data=request,
                headers=_HEADERS,
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
                stream=True,
                allow_redirects=False,
            ) as response:
                self._require_ok(response)
                return b"".join(self._pieces(response, deadline))
        except requests.exceptions.SSLError as error:
            raise self._no_node(f"cannot be trusted ({_root(error)})") from error
        except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
            raise self._away(_root(error)) from error
        except requests.RequestException as error:
            raise self._no_node(f"cannot be asked ({_root(error)})") from error

    def _require_ok(self, response: requests.Response) -> None:
        status = response.status_code
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING:
            raise self._away(f"HTTP status {status}")
        if status != HTTPStatus.OK or "Content-Encoding" in response.headers:
            raise self._no_node(f"answers with HTTP status {status} and no plain JSON")

    def _pieces(self, response: requests.Response, deadline: float) -> Iterator[bytes]:
        size = 0
        while piece := response.raw.read1(_PIECE_BYTES):
            size += len(piece)
            if size > _MAX_ANSWER_BYTES:
                raise self._no_node(f"answers with more than {_MAX_ANSWER_BYTES} bytes")
            if time.monotonic() > deadline:
                raise self._away(f"no whole answer within {_ANSWER_SECONDS:.0f} s")
            yield piece

    def _away(self, reason: str) -> ConnectionError:
        return ConnectionError(f"{self._place}: {reason}; see that the node runs: flnode doctor")

    def _no_node(self, behaviour: str) -> BadResponseFormat:
        return BadResponseFormat(f"{self._place} {behaviour}: see that the URL is that of a node")


def _patiently(ask: Callable[[], _Result]) -> _Result:
    """Ask again after growing pauses while the node is away, but not for long."""
    started = time.monotonic()
    for attempt in range(_TRIES - 1):
        try:
            return ask()
        except ConnectionError:
            if time.monotonic() - started > _ANSWER_SECONDS:
                raise
        time.sleep(_FIRST_PAUSE_SECONDS * 2**attempt)
    return ask()


def _answer(method: RPCEndpoint, number: int, found: object) -> RPCResponse:
    """Check an answer's frame (JSON-RPC 2.0, section 5).

    :raises AnswerError: when it is no answer to this request
    """
    if not isinstance(found, dict) or found.get("jsonrpc") != "2.0":
        raise AnswerError("no JSON-RPC 2.0")
    if "error" in found and found["error"] is not None:
        return {"jsonrpc": "2.0", "id": number, "error": _error(found["error"])}
    if found.get("id") != number or "result" not in found:
        raise AnswerError("no result for this request's id")
    return {"jsonrpc": "2.0", "id": number, "result": result_of(method, found["result"])}


def _error(found: object) -> Any:
    if not isinstance(found, dict):
        raise AnswerError("an error that is no object")
    code, message, data = (found.get(name) for name in ("code", "message", "data"))
    if not isinstance(code, int) or not isinstance(message, str):
        raise AnswerError("an error without a code and a message")
    given_back = {"data": data} if isinstance(data, str) else {}
    return {"code": code, "message": message} | given_back


def _place(url: str) -> str:
    """Name the node without what a URL may hold of secrets: user, password, key in the path."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise LedgerError(f"a node's URL was expected, found one with {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise LedgerError("a node's URL was expected, such as http://127.0.0.1:8545, found another")
    return f"{parts.hostname}{port}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _root(error: BaseException) -> str:
    """Say why in a few words: these libraries wrap the reason in several layers."""
    cause = error
    while (deeper := cause.__cause__ or cause.__context__) is not None:
        cause = deeper
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return _shown(cause)


def _shown(error: BaseException) -> str:
    return " ".join(str(error).split())[:_SHOWN_LETTERS]
