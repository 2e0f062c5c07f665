"""What a ledger does with its node: each of these must end well or in one line."""

from collections.abc import Callable

from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.timeline import read_timeline
from tests.chain.faulty_proxy import Proxy
from tests.chain.scene import Scene, address, deployed

Act = Callable[[Scene, Proxy], object]


def write(scene: Scene, proxy: Proxy) -> None:
    """Write something that goes well as often as one likes, to a federation that nobody reads."""
    written = scene.ledger("another federation's owner").federation
    owner = EthereumLedger(scene.connection, written, embedded_account("owner"))
    owner.set_header(address("header"))


ACTS: dict[str, Act] = {
    "open": lambda scene, proxy: EthereumLedger(proxy.connection(), address("node 5")),
    "plan": lambda scene, proxy: scene.ledger(None).plan(),
    "head": lambda scene, proxy: scene.ledger(None).head(),
    "now": lambda scene, proxy: scene.ledger(None).now(),
    "snapshot": lambda scene, proxy: scene.ledger(None).snapshot(),
    "member": lambda scene, proxy: scene.ledger(None).member(1),
    "local weight": lambda scene, proxy: scene.ledger(None).local_weight(1),
    "events": lambda scene, proxy: scene.own_ledger(None).events(),
    "timeline": lambda scene, proxy: read_timeline(scene.own_ledger(None)),
    "write": write,
    "refused write": lambda scene, proxy: scene.own_ledger("owner").extend(3),
    "deploy": lambda scene, proxy: deployed(proxy.connection(), scene.wait),
}
