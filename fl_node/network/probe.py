"""Questions to a daemon on this machine: Geth's JSON-RPC and Kubo's API, over plain HTTP."""

import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode

from fl_node.canonical import parse_json
from fl_node.errors import CanonicalError, DaemonError

_SECONDS = 5.0
_OK = 200
_MAX_BYTES = 10_000_000


def ask_geth(port: int, method: str, *parameters: object) -> Any:
    """Call a JSON-RPC method.

    :raises DaemonError: when there is no answer, or it is an error
    """
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    answer = _post(port, "/", json.dumps(body), "geth")
    if "result" not in answer:
        raise DaemonError(f"geth on port {port} refuses {method}: {answer.get('error')}")
    return answer["result"]


def ask_kubo(port: int, call: str, **arguments: str) -> Any:
    """Make a call of Kubo's API, such as ``swarm/peers``.

    :raises DaemonError: when there is no answer, or it is an error
    """
    return _post(port, f"/api/v0/{call}?{urlencode(arguments)}", "", "ipfs")


def _post(port: int, path: str, body: str, daemon: str) -> Any:
    """Speak to loopback directly: a proxy of the environment has no business here."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read(_MAX_BYTES)
    except (OSError, HTTPException) as error:
        raise DaemonError(f"{daemon} on port {port} does not answer: {error!r}") from error
    finally:
        connection.close()
    if response.status != _OK:
        shown = " ".join(content.decode(errors="replace").split())[:300]
        raise DaemonError(f"{daemon} on port {port} refuses {path}: {response.status} {shown}")
    return _parsed(content, f"{daemon} on port {port}")


def _parsed(content: bytes, who: str) -> dict[str, Any]:
    try:
        answer = parse_json(content)
    except CanonicalError as error:
        raise DaemonError(f"{who} does not answer in JSON: {error}") from error
    if not isinstance(answer, dict):
        raise DaemonError(f"{who} answers with something else than an object: {answer!r}")
    return answer
