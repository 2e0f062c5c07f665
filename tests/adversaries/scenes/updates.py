"""Three honest nodes, and one liar for each way to send what cannot be averaged."""

from fl_node.rounds import Terms
from tests.adversaries.lies.updates import UPDATE_LIES
from tests.adversaries.scene import HEADER, Scene, deployed
from tests.adversaries.stage import Stage
from tests.devnet.story import WAIT_SECONDS

HONEST = ("node 1", "node 2", "node 3")
_HOSTS = {HEADER: "header", "node 1": "node-1", "node 2": "node-2", "node 3": "node-1"}
# Enough for thirty processes to send from two cores that others use too.
_ROUND_SECONDS = 240


def play(stage: Stage) -> Scene:
    liars = list(UPDATE_LIES)
    scene = deployed(
        stage,
        "updates",
        _HOSTS | dict.fromkeys(liars, "node-2"),
        [*HONEST, *liars],
        Terms(quorum=3, round_seconds=_ROUND_SECONDS, grace_seconds=3600, rounds=1),
        plays=((1, 2, 3),),
        max_samples=1_000_000,
        max_delta_norm="10",
    )
    try:
        scene.liars(*liars)
        honest = [scene.honest(name) for name in (HEADER, *HONEST)]
        scene.open()
        for role in honest:
            role.end(_ROUND_SECONDS + WAIT_SECONDS)
    finally:
        scene.stop()
    return scene
