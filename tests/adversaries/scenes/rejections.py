"""Headers that reject falsely, or do not reject what they should."""

from fl_node.rounds import Terms
from tests.adversaries.lies.closing import REJECTING
from tests.adversaries.scene import HEADER, OWNER, Scene, deployed
from tests.adversaries.stage import Stage

_HONEST = ("node 1", "node 2", "node 3")
_NOT_A_NUMBER = "sends-nan"
_ROUND_SECONDS = 60


def play(stage: Stage) -> Scene:
    liars = [*REJECTING]
    hosts = {HEADER: "header", "node 1": "node-1", "node 2": "node-2", "node 3": "node-1"}
    scene = deployed(
        stage,
        "rejects",
        hosts | dict.fromkeys([*liars, _NOT_A_NUMBER], "header"),
        [*_HONEST, _NOT_A_NUMBER],
        Terms(quorum=2, round_seconds=_ROUND_SECONDS, grace_seconds=3600, rounds=len(liars)),
        plays=((1, 3), (1, 3), (1, 2, 3)),
    )
    scene.headers |= dict(enumerate(liars, 1))
    try:
        _act(scene, liars)
    finally:
        scene.stop()
    return scene


def _act(scene: Scene, liars: list[str]) -> None:
    owner = scene.ledger(OWNER)
    owner.set_header(scene.actors[liars[0]].account)
    scene.liars(*liars, _NOT_A_NUMBER)
    nodes = [scene.honest(name) for name in _HONEST]
    scene.open()
    for number, liar in enumerate(liars[1:], 2):
        scene.wait_for_round(number)
        owner.set_header(scene.actors[liar].account)
    for role in nodes:
        role.process.wait(300)
