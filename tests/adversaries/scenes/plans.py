"""Federations whose plans carry more than a model."""

from typing import Any

from fl_node.chain.ethereum import deploy_contract
from fl_node.config import load_settings
from fl_node.connect import open_chain, open_store
from fl_node.rounds import Terms
from tests.adversaries.attacks import Finder
from tests.adversaries.scene import HEADER, Scene, deployed
from tests.adversaries.stage import Stage
from tests.adversaries.traces import Trace
from tests.small_federation import initial_weights, small_plan

_JOINER = "joiner"
_JOIN_SECONDS = 200


def _model(*layers: dict[str, Any]) -> dict[str, Any]:
    config = {"name": "model", "trainable": True, "layers": list(layers)}
    return {"class_name": "Sequential", "module": "keras", "config": config}


_LAMBDA = {"class_name": "Lambda", "module": "keras.layers", "config": {"function": "4wEAAA=="}}
_SYSTEM = {"class_name": "system", "module": "os", "config": {}, "registered_name": "system"}
_LOOKUP = {
    "class_name": "StringLookup",
    "module": "keras.layers",
    "config": {"vocabulary": "/etc/passwd"},
}
HOSTILE = {
    "plan-with-code": _model(_LAMBDA),
    "plan-with-another-class": _model(_SYSTEM),
    "plan-with-a-file": _model(_LOOKUP),
}


def play(stage: Stage) -> Scene:
    hosts = {HEADER: "header", _JOINER: "node-1"} | dict.fromkeys(HOSTILE, "header")
    scene = deployed(stage, "plans", hosts, [_JOINER], Terms(), plays=())
    authors = {_published(scene, name): name for name in HOSTILE}
    scene.liars_here |= set(HOSTILE)
    try:
        home = str(scene.actors[_JOINER].home)
        joiner = scene.run(_JOINER, "tests.adversaries.joiner", home, *authors)
        joiner.end(_JOIN_SECONDS)
    finally:
        scene.stop()
    for line in joiner.lines:
        address, _, words = line.partition(" ")
        if address in authors:
            scene.seen.append(Trace(Finder.JOINER, authors[address], 0, words))
    return scene


def _published(scene: Scene, author: str) -> str:
    """Deploy as this author; nothing of the model is looked at by chain or store."""
    home, signer = scene.actors[author].home, scene.actors[author].signer()
    settings = load_settings(home, environment={})
    plan = open_store(home, settings).put([small_plan(model=HOSTILE[author]).encode()])
    chain, initial = open_chain(home, settings), initial_weights().cid()
    return deploy_contract(chain, signer, plan, initial, signer.address, Terms())
