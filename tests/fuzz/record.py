"""Record what Anvil answers to each act: ``python -m tests.fuzz.record``."""

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fl_node.errors import RevertedError
from tests.chain.faulty_proxy import Exchange, Proxy, proxy_before
from tests.chain.rpc_nodes import Anvil
from tests.chain.scene import ROLES, address, deployed
from tests.fuzz import answers
from tests.fuzz.evidence import CODE_MARK, code_of

# What Anvil does not answer, and code that needs no record.
_STAND_INS = {
    "net_peerCount": "0x2",
    "eth_syncing": {"startingBlock": "0x0", "currentBlock": "0x1", "highestBlock": "0x5"},
    "eth_getCode": f"0x{CODE_MARK.decode()}",
}


def main() -> None:
    """Write the record anew."""
    with tempfile.TemporaryDirectory() as folder:
        node = Anvil(Path(folder))
        node.start()
        try:
            record = _recorded(node)
        finally:
            node.stop()
    text = json.dumps(record, indent=0, sort_keys=True)
    for mark, code in code_of().items():
        text = text.replace(code.hex(), mark.decode())
    answers.RECORDED.write_text(text + "\n")


def _recorded(node: Anvil) -> dict[str, Any]:
    for role in ROLES:
        node.fund(address(role))
    scene = deployed(node.connection(), node.wait)
    scene.start()
    scene.submit(1, "a")
    found: dict[str, Any] = {"federation": scene.federation, "asked": {}}
    sent = node.ask("eth_getBlockByNumber", "latest", False)["transactions"][0]
    answers.RECORDED.write_text(json.dumps(found | {"sent": sent}))
    with proxy_before(node.url) as proxy:
        for act in answers.ACTS:
            with patch.object(answers, "_federation", lambda: scene.federation):
                _record_act(act, proxy, found)
    return found | {"sent": sent}


def _record_act(act: Callable[..., None], proxy: Proxy, found: dict[str, Any]) -> None:
    asked: set[str] = set()

    def recording(exchange: Exchange) -> None:
        answer = exchange.forwarded()
        if exchange.method in _STAND_INS:
            answer = {"id": answer["id"], "jsonrpc": "2.0", "result": _STAND_INS[exchange.method]}
        asked.add(exchange.method)
        if "result" in answer:
            key = answers.key_of(exchange.method, exchange.asked["params"])
            found.setdefault(key, answer["result"])
        exchange.send(json.dumps(answer).replace(CODE_MARK.decode(), "00").encode())

    proxy.trick = recording
    with suppress(RevertedError):
        act(proxy.connection())
    found["asked"][act.__name__] = sorted(asked)


if __name__ == "__main__":
    main()
