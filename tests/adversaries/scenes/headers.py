"""Headers that close falsely, one a round: the owner makes another account the header each time."""

from collections.abc import Callable, Mapping

from fl_node.rounds import Terms
from tests.adversaries.lies.closing import REPLACED, REPORTED, SERVED, HeaderLie
from tests.adversaries.scene import HEADER, OWNER, Scene, deployed
from tests.adversaries.stage import Stage

_NODES = ("node 1", "node 2")
_HOSTS = {HEADER: "header", "node 1": "node-1", "node 2": "node-2"}
# Longer than a liar needs to close, so that no honest node closes in its place.
_GRACE_SECONDS = 10


def played(name: str, lies: Mapping[str, HeaderLie], idle: str = "") -> Callable[[Stage], Scene]:
    """Let each of these be the header in its turn, and in a last round one that does nothing."""

    def play(stage: Stage) -> Scene:
        liars = [*lies, *([idle] if idle else [])]
        scene = deployed(
            stage,
            name,
            _HOSTS | dict.fromkeys(liars, "header"),
            _NODES,
            Terms(round_seconds=3600, grace_seconds=_GRACE_SECONDS, finality=2, rounds=len(liars)),
            plays=((1, 2),) * len(liars),
        )
        try:
            _act(scene, liars)
        finally:
            scene.stop()
        return scene

    return play


def _act(scene: Scene, liars: list[str]) -> None:
    scene.headers |= dict(enumerate(liars, 1))
    owner = scene.ledger(OWNER)
    owner.set_header(scene.actors[liars[0]].account)
    scene.liars(*liars)
    nodes = [scene.honest(name) for name in _NODES]
    scene.open()
    for number, liar in enumerate(liars[1:], 2):
        scene.wait_for_round(number)
        owner.set_header(scene.actors[liar].account)
    for role in nodes:
        role.end()


replaced = played("averages", REPLACED)
served = played("serves", SERVED)
reported = played("reports", REPORTED, idle="never-closes")
