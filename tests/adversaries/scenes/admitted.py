"""Two honest nodes, one that copies, and one whose weights are subnormal: all are averaged."""

from fl_node.report import Report
from fl_node.rounds import Terms
from tests.adversaries.attacks import Finder
from tests.adversaries.scene import HEADER, Scene, deployed
from tests.adversaries.stage import Stage
from tests.adversaries.traces import Trace

_HONEST = ("node 1", "node 2")
COPIES, SUBNORMAL = "copies-tensors", "subnormals"


def play(stage: Stage) -> Scene:
    hosts = {HEADER: "header", "node 1": "node-1", "node 2": "node-2"}
    scene = deployed(
        stage,
        "admitted",
        hosts | dict.fromkeys((COPIES, SUBNORMAL), "node-2"),
        [*_HONEST, COPIES, SUBNORMAL],
        Terms(round_seconds=3600, grace_seconds=3600, rounds=1),
        plays=(),
    )
    try:
        scene.liars(COPIES, SUBNORMAL)
        roles = [scene.honest(name) for name in (HEADER, *_HONEST)]
        scene.open()
        for role in roles:
            role.end()
    finally:
        scene.stop()
    _read_report(scene)
    return scene


def _read_report(scene: Scene) -> None:
    """Take the report's own words."""
    content = scene.view.small(scene.timeline.model(1).report)
    for _, copy in Report.decode(content).recomputable.duplicates:
        scene.seen.append(Trace(Finder.REPORT, scene.name_of(copy), 1, content.decode()))
