"""Two of three sealers put another past in the place of the one that a member attested."""

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from aggregator.close import Closed, Closer, close
from fl_node.config import load_settings, save_settings
from fl_node.network.supervision import start_program, stop_program
from fl_node.rounds import Terms
from tests.adversaries.attacks import Finder
from tests.adversaries.lies.members import sends_honestly
from tests.adversaries.lies.patience import seen
from tests.adversaries.lies.self_made import Liar
from tests.adversaries.scene import HEADER, Scene, deployed
from tests.adversaries.stage import Stage
from tests.adversaries.traces import Trace
from tests.devnet.story import Role, wait_until
from tests.small_federation import evaluated

LIAR = "two-sealers"
_MEMBERS = (HEADER, "node 1", "node 2")
_COLLUDING, _HONEST = ("header", "node-1"), "node-2"
_DATA = Path("geth", "geth")
_AUDIT_SECONDS, _MORE_WORK = 120, 6


def play(stage: Stage) -> Scene:
    hosts = {HEADER: "header", "node 1": "node-1", "node 2": _HONEST, LIAR: "header"}
    scene = deployed(
        stage,
        "rewritten",
        hosts,
        ["node 1", "node 2", LIAR],
        Terms(target=2, quorum=2, round_seconds=3600, grace_seconds=3600, rounds=1),
        plays=(),
    )
    scene.liars_here.add(LIAR)
    try:
        _act(scene, stage.devnet)
    finally:
        scene.stop()
    return scene


def _act(scene: Scene, devnet: Path) -> None:
    scene.open()
    _copy_chains(devnet)
    roles = [scene.honest(name) for name in _MEMBERS]
    for role in roles:
        role.end()
    attested = _attested(scene)
    true = _audited(scene, "true", attested)
    assert "audit ok" in true.lines[-1], true.lines
    work = _go_back(devnet)
    _act_otherwise(scene)
    seen(lambda: True if _work(devnet, _COLLUDING[0]) > work + _MORE_WORK else None)
    start_program(devnet, f"{_HONEST}-geth")
    wait_until(lambda: _follows(devnet), "the third sealer follows the other past")

    unanchored = _audited(scene, "unanchored", "")
    assert unanchored.process.returncode == 0, unanchored.lines
    found = _audited(scene, "anchored", attested)
    assert found.process.returncode == 1
    scene.seen += [Trace(Finder.AUDIT, LIAR, 1, line) for line in found.lines]


def _copy_chains(devnet: Path) -> None:
    """Keep what two sealers have; blocks are made by two at least, so none is made meanwhile."""
    for host in _COLLUDING:
        stop_program(devnet, f"{host}-geth")
        shutil.copytree(devnet / host / _DATA, devnet / host / "kept")
    for host in _COLLUDING:
        start_program(devnet, f"{host}-geth")
    _wait_for_blocks(devnet)


def _go_back(devnet: Path) -> int:
    """Let two sealers have what they had before; give the work in the chain of the third."""
    for host in _COLLUDING:
        stop_program(devnet, f"{host}-geth")
    work = _work(devnet, _HONEST)  # it makes no block alone, but for one that it may have begun
    stop_program(devnet, f"{_HONEST}-geth")
    for host in _COLLUDING:
        shutil.rmtree(devnet / host / _DATA)
        (devnet / host / "kept").rename(devnet / host / _DATA)
        start_program(devnet, f"{host}-geth")
    _wait_for_blocks(devnet)
    return work


def _act_otherwise(scene: Scene) -> None:
    """Let the header and two nodes play the round again, without node 2."""
    for name in ("node 1", LIAR):
        sends_honestly(Liar(scene.actors[name].home, scene.address, scene.nodes[name]), 1)
    header = Liar(scene.actors[HEADER].home, scene.address, 0)
    closer = Closer(header.federation, evaluated)
    seen(lambda: True if isinstance(close(closer), Closed) else None)


def _attested(scene: Scene) -> str:
    """Give the history that node 2 signed."""
    events = scene.view.ledger.events()
    words = [each for each in events if each.kind == "Attested" and each.values["nodeId"] == 2]
    return "0x" + words[-1].values["history"].hex()


def _audited(scene: Scene, name: str, anchor: str) -> Role:
    """Bundle as node 2, and audit the bundle, as one types it."""
    home = scene.actors["node 2"].home
    settings = load_settings(home, environment={})
    save_settings(home, replace(settings, federation=scene.address))
    file = home / f"{name}.bundle"
    scene.command(f"bundle-{name}", "bundle", str(file), "--folder", str(home)).end()
    given = ("--anchor", anchor) if anchor else ()
    audit = scene.command(f"audit-{name}", "audit", "--bundle", str(file), *given)
    audit.process.wait(_AUDIT_SECONDS)
    return audit


def _wait_for_blocks(devnet: Path) -> None:
    def sealed() -> bool:
        try:
            before = _newest(devnet, _COLLUDING[0])
            time.sleep(3)
            return _newest(devnet, _COLLUDING[0])["number"] != before["number"]
        except requests.ConnectionError:
            return False

    wait_until(sealed, "two sealers make blocks")


def _work(devnet: Path, host: str) -> int:
    """Give the sum of difficulties, by which one chain goes before another."""
    return int(_newest(devnet, host)["totalDifficulty"], 16)


def _follows(devnet: Path) -> bool:
    try:
        theirs = _newest(devnet, _COLLUDING[0])
        ours = _block(devnet, _HONEST, theirs["number"])
    except requests.ConnectionError:
        return False
    return ours is not None and ours["hash"] == theirs["hash"]


def _newest(devnet: Path, host: str) -> dict[str, Any]:
    return _block(devnet, host, "latest")


def _block(devnet: Path, host: str, which: str) -> Any:
    url = load_settings(devnet / host, environment={}).chain
    asked = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": [which, False]}
    return requests.post(url, json=asked, timeout=30).json()["result"]
