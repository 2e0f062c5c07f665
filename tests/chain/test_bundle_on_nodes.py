"""Blocks byte for byte out of a node's JSON: on each kind of node, and from one that lies."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aggregator.bundle import audit_bundle
from fl_node.bundle.evidence import Claim, prove
from fl_node.bundle.write import Written, write_bundle, write_chain
from fl_node.chain.excerpt import Excerpt
from fl_node.errors import FlnodeError, LedgerError
from tests.chain.faulty_proxy import Exchange, Proxy, lies
from tests.chain.federation_story import live_through, small_federation_on, story_terms
from tests.chain.rpc_nodes import RpcNode
from tests.chain.scene import Scene
from tests.small_federation import silent

NODES = [
    pytest.param("anvil", 1000, id="Anvil"),
    pytest.param("geth_dev", 20, id="current Geth", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("fixture", "round_seconds"), NODES)
def test_a_federation_on_a_node_is_proven_by_its_bundle(
    request: pytest.FixtureRequest, tmp_path: Path, fixture: str, round_seconds: int
) -> None:
    node: RpcNode = request.getfixturevalue(fixture)
    federation = small_federation_on(node.connection(), tmp_path / "f", story_terms(round_seconds))
    live_through(federation, node.wait)

    def write(name: str, until: int | None) -> Written:
        excerpt = Excerpt(node.connection(), federation.address, until)
        return write_bundle(tmp_path / name, excerpt, federation.store, light=False, say=silent)

    write("same", write("one", None).manifest.head[0])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "same").read_bytes()
    checked = audit_bundle(tmp_path / "one", progress=silent)
    assert checked.audit.ok
    assert len(checked.audit.rounds) == 3
    assert checked.evidence.kind == "unsealed"


def excerpt_of(scene: Scene, proxy: Proxy, folder: Path) -> None:
    excerpt = Excerpt(proxy.connection(), scene.federation)
    write_chain(folder, excerpt, silent)
    prove(folder, Claim(excerpt.chain_id, scene.federation, excerpt.first_block))


def other_field(name: str, value: object) -> Callable[[Any], Any]:
    def changed(result: Any) -> Any:
        if isinstance(result, list):
            return [each | {name: value} for each in result]
        return result | {name: value}

    return changed


BLOCKS, RECEIPTS, RAW = (
    "eth_getBlockByNumber",
    "eth_getBlockReceipts",
    "eth_getRawTransactionByHash",
)
LIES = {
    "another parent": (BLOCKS, other_field("parentHash", "0x" + "1" * 64)),
    "another time": (BLOCKS, other_field("timestamp", "0x1")),
    "half a root": (BLOCKS, other_field("stateRoot", "0x12")),
    "no bloom": (BLOCKS, lambda block: {k: v for k, v in block.items() if k != "logsBloom"}),
    "no block": (BLOCKS, lambda _: None),
    "no transactions": (BLOCKS, other_field("transactions", [])),
    "no list": (BLOCKS, other_field("transactions", {})),
    "no receipts": (RECEIPTS, lambda _: None),
    "fewer receipts": (RECEIPTS, lambda _: []),
    "receipts of failures": (RECEIPTS, other_field("status", "0x0")),
    "receipts without logs": (RECEIPTS, other_field("logs", [])),
    "logs of another form": (RECEIPTS, other_field("logs", [7])),
    "another bloom": (RECEIPTS, other_field("logsBloom", "0x" + "1" * 512)),
    "no transaction": (RAW, lambda _: None),
    "an empty transaction": (RAW, lambda _: "0x"),
    "junk": (RAW, lambda _: "0x" + "c1" * 100),
    "a number": (RAW, lambda _: 7),
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("method", "lie"), LIES.values(), ids=LIES)
def test_a_node_that_lies_is_found_out_before_anything_is_written(
    through: Scene, proxy: Proxy, tmp_path: Path, method: str, lie: Callable[[Any], Any]
) -> None:
    proxy.trick = lies(method, lie)
    with pytest.raises(FlnodeError):
        excerpt_of(through, proxy, tmp_path)


def test_an_honest_node_is_believed(through: Scene, proxy: Proxy, tmp_path: Path) -> None:
    excerpt_of(through, proxy, tmp_path)


def without_the_method(exchange: Exchange) -> None:
    answer = exchange.forwarded()
    if exchange.method == RAW:
        del answer["result"]
        answer["error"] = {"code": -32601, "message": f"the method {RAW} does not exist"}
    exchange.send(json.dumps(answer).encode())


@pytest.mark.usefixtures("impatient")
def test_a_node_that_does_not_know_a_method_is_told_by_its_name(
    through: Scene, proxy: Proxy, tmp_path: Path
) -> None:
    proxy.trick = without_the_method
    with pytest.raises(LedgerError, match=f"{RAW} does not exist"):
        excerpt_of(through, proxy, tmp_path)
