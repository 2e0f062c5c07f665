"""Two honest nodes, two that do their part and lie besides, and many who call out of turn."""

import shutil

from fl_node.rounds import Terms
from tests.adversaries.attacks import Finder
from tests.adversaries.lies.calls import CALLS
from tests.adversaries.scene import HEADER, Scene, deployed
from tests.adversaries.stage import Stage
from tests.adversaries.traces import Trace
from tests.devnet.story import wait_until

_GOOD = ("node 1", "node 2", "false-dispute", "base-twice")
_STRANGERS = {name for name in CALLS if name.startswith("stranger")}
_TWIN, _SECOND = "twin-elsewhere", "twin-here"
_EVALUATION_SECONDS, _TRAINING_SECONDS = 15, 25


def play(stage: Stage) -> Scene:
    nodes = [*_GOOD, *(name for name in CALLS if name not in _STRANGERS)]
    liars = [*_GOOD[2:], *CALLS]
    hosts = {HEADER: "header", "node 1": "node-1", "node 2": "node-2"}
    scene = deployed(
        stage,
        "calls",
        hosts | dict.fromkeys([*liars, _TWIN, _SECOND], "node-1"),
        nodes,
        Terms(
            target=4,
            round_seconds=3600,
            grace_seconds=3600,
            max_staleness=1,
            finality=2,
            rounds=3,
        ),
        plays=((1, 2, 3, 4),) * 3,
    )
    _share_key(scene)
    try:
        _act(scene, liars)
    finally:
        scene.stop()
    return scene


def _share_key(scene: Scene) -> None:
    """Give the twin the key of node 2, and its number."""
    home, twin = scene.actors["node 2"].home, scene.actors[_TWIN].home
    for name in ("key.json", "password"):
        shutil.copy2(home / name, twin / name)
    scene.twins[_TWIN] = scene.nodes["node 2"]


def _act(scene: Scene, liars: list[str]) -> None:
    crowd = scene.liars(*liars, _TWIN)
    header = scene.honest(HEADER, evaluation_seconds=_EVALUATION_SECONDS)
    first = scene.honest("node 1")
    slow = scene.honest("node 2", training_seconds=_TRAINING_SECONDS)
    wait_until(lambda: bool(first.lines), "the first process of node 1 is there")
    second = scene.honest("node 1")
    second.process.wait(60)
    scene.open()
    for role in (header, first, slow):
        role.end()
    crowd.end()
    _tell(scene, _SECOND, second.lines, "another process")
    _tell(scene, _TWIN, slow.lines, "another process")


def _tell(scene: Scene, about: str, lines: list[str], part: str) -> None:
    scene.liars_here.add(about)
    scene.seen += [Trace(Finder.NODE, about, 1, line) for line in lines if part in line]
