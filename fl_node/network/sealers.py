"""Who seals a Clique chain, and a sealer's vote about it (EIP-225), over its own local socket."""

import json
import socket
from pathlib import Path
from typing import Any

from fl_node.canonical import parse_json
from fl_node.errors import CanonicalError, DaemonError
from fl_node.network.private import runtime_place

_SECONDS = 5.0
_PIECE_BYTES, _MAX_BYTES = 65_536, 1_000_000


def sealers_of(folder: Path, host: str) -> tuple[str, ...]:
    """Ask a host's Geth who may seal at its newest block.

    :param folder: what the daemons run in: a devnet's, or the host's own
    :param host: its name
    :raises DaemonError: when Geth does not answer
    """
    found = _ask(folder, host, "clique_getSigners")
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise DaemonError(f"geth of {host} names no sealers, but {found!r}")
    return tuple(found)


def vote(folder: Path, host: str, sealer: str, *, seals: bool) -> None:
    """Let a host's sealer vote for or against another, in each block that it seals from now on.

    It counts once more than half of the sealers have voted alike.

    :raises DaemonError: when Geth does not answer
    """
    _ask(folder, host, "clique_propose", sealer, seals)


def _ask(folder: Path, host: str, method: str, *parameters: object) -> Any:
    place = runtime_place(folder) / f"{host}.ipc"
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(_SECONDS)
            stream.connect(str(place))
            stream.sendall(json.dumps(body).encode())
            answer = parse_json(_line(stream))
    except (OSError, CanonicalError) as error:
        raise DaemonError(
            f"geth of {host} does not answer on {place} ({error}): is it up?"
        ) from error
    if not isinstance(answer, dict) or "result" not in answer:
        raise DaemonError(f"geth of {host} refuses {method}: {answer!r}")
    return answer["result"]


def _line(stream: socket.socket) -> bytes:
    content = bytearray()
    while not content.endswith(b"\n") and len(content) < _MAX_BYTES:
        piece = stream.recv(_PIECE_BYTES)
        if not piece:
            break
        content += piece
    return bytes(content)
