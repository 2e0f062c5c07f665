"""One devnet for all attacks. Scenes are played side by side, as far as the tests ask for them."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest

from fl_node.network import devnet as network
from tests.adversaries.scene import Scene
from tests.adversaries.scenes.registry import LAST, SCENES, UNDISTURBED
from tests.adversaries.stage import Stage
from tests.adversaries.traces import traces

_AT_ONCE = 3


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("adversaries")
    network.up(folder / "devnet", lambda _: None)
    try:
        yield Stage(folder / "devnet", folder)
    finally:
        network.down(folder / "devnet")


@pytest.fixture(scope="session")
def played(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Scene]]:
    """Gives a scene that is over."""
    wanted = {UNDISTURBED} | {_scene_of(item) for item in request.session.items}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        scenes: dict[str, Future[Scene]] = {
            name: pool.submit(_recorded, name, stage) for name in SCENES if name in wanted - {LAST}
        }
        if LAST in wanted:
            before = list(scenes.values())
            scenes[LAST] = pool.submit(lambda: wait(before) and _recorded(LAST, stage))
        yield lambda name: scenes[name].result()


def _recorded(name: str, stage: Stage) -> Scene:
    """Play a scene, and read what is said of it: a later one takes daemons and blocks away."""
    scene = SCENES[name](stage)
    scene.said = traces(scene)
    closed = range(1, scene.timeline.open_number)
    scene.globals = [scene.timeline.model(number).weights for number in closed]
    return scene


def _scene_of(item: pytest.Item) -> str | None:
    """Give the scene that a test asks for."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    return given["attack"].scene if "attack" in given else given.get("name")
