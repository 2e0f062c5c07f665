"""How a node of the chain lies to its own user."""

from tests.chain.faulty_proxy import Exchange, Trick, dropped, lies, says

_MEBIBYTES = 15
_DEEP = 100_000


def never_ends(exchange: Exchange) -> None:
    """Answer with white space for ever."""
    exchange.handler.send_response(200)
    exchange.handler.send_header("Content-Length", str(10**12))
    exchange.handler.end_headers()
    while True:
        exchange.handler.wfile.write(b" " * 65_536)


def is_bloated(exchange: Exchange) -> None:
    """Answer with as many values as go into what is read: each takes much more room once parsed."""
    exchange.send(
        b'{"jsonrpc":"2.0","id":0,"result":[' + b"[]," * (_MEBIBYTES * 2**20 // 3) + b"[]]}"
    )


RPC_TRICKS: dict[str, Trick] = {
    "rpc-drops": dropped,
    "rpc-garbage": says(b"<html>no page</html>"),
    "rpc-never-ends": never_ends,
    "rpc-deep": says(b'{"jsonrpc":"2.0","id":0,"result":' + b"[" * _DEEP + b"]" * _DEEP + b"}"),
    "rpc-bloated": is_bloated,
    "rpc-reorders": lies("eth_getLogs", lambda logs: logs[::-1]),
    "rpc-hides-news": lies("eth_getLogs", lambda logs: logs[:-1]),
    "rpc-other-receipts": lies(
        "eth_getTransactionReceipt",
        lambda found: found and found | {"transactionHash": "0x" + "52" * 32},
    ),
}
HIDES_AN_EVENT = lies("eth_getLogs", lambda logs: [*logs[:1], *logs[2:]])
