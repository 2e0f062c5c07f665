"""Nobody lies: how much memory the roles take."""

from fl_node.rounds import Terms
from tests.adversaries.scene import HEADER, Scene, deployed
from tests.adversaries.stage import Stage

_HOSTS = {HEADER: "header", "node 1": "node-1", "node 2": "node-2"}


def play(stage: Stage) -> Scene:
    nodes = ("node 1", "node 2")
    scene = deployed(
        stage,
        "undisturbed",
        _HOSTS,
        nodes,
        Terms(round_seconds=3600, grace_seconds=3600, rounds=1),
        plays=((1, 2),),
    )
    try:
        honest = [scene.honest(name) for name in (HEADER, *nodes)]
        scene.open()
        for role in honest:
            role.end()
    finally:
        scene.stop()
    return scene
