"""Honest roles whose own daemons lie to them, and two whose daemons do not."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from fl_node.config import load_settings, save_settings
from fl_node.rounds import Terms
from tests.adversaries.attacks import Finder
from tests.adversaries.rpc_tricks import HIDES_AN_EVENT, RPC_TRICKS
from tests.adversaries.scene import HEADER, Scene, deployed
from tests.adversaries.stage import Stage
from tests.adversaries.store_proxy import STORE_TRICKS, store_proxy
from tests.adversaries.traces import Trace
from tests.chain.faulty_proxy import honest, proxy_before
from tests.devnet.story import Role, wait_until

_GOOD = ("node 1", "node 2")
# Its updates are good: only what it hears of them is not.
_WRITER = "rpc-other-receipts"
_AUDITOR = "rpc-hides-an-event"
_SAY_SECONDS = 150


def play(stage: Stage) -> Scene:
    victims = [_WRITER, *(name for name in [*RPC_TRICKS, *STORE_TRICKS] if name != _WRITER)]
    hosts = {HEADER: "header", "node 1": "node-1", "node 2": "node-2"}
    scene = deployed(
        stage,
        "daemons",
        hosts | dict.fromkeys([*victims, _AUDITOR], "node-1"),
        [*_GOOD, *victims],
        Terms(target=3, round_seconds=3600, grace_seconds=3600, rounds=1),
        plays=((1, 2, 3),),
    )
    try:
        _act(scene, victims)
    finally:
        scene.stop()
    return scene


def _act(scene: Scene, victims: list[str]) -> None:
    scene.open()
    with ExitStack() as stack:
        proxies = [stack.enter_context(_lying(scene, name)) for name in [*victims, _AUDITOR]]
        roles = [scene.honest(name) for name in victims]
        for role in roles:
            _wait_for_words(role)
        for role in roles:
            scene.liars_here.add(role.name)
            scene.seen += [Trace(Finder.NODE, role.name, 1, line) for line in role.lines]
        good = [scene.honest(name) for name in (HEADER, *_GOOD)]
        for role in good:
            role.end()
        _audit(scene)
        for proxy in proxies:
            proxy()
        for role in roles:
            role.process.wait(_SAY_SECONDS)


def _wait_for_words(role: Role) -> None:
    """Wait until it ended, or says for what it waits."""

    def said() -> bool:
        waits = [line for line in role.lines if "127.0.0.1" in line or "chain" in line]
        return bool(waits) or role.process.poll() is not None

    wait_until(said, f"{role.name} says something", _SAY_SECONDS)


def _audit(scene: Scene) -> None:
    """Let somebody audit whose node hides an event."""
    auditor = scene.command(_AUDITOR, "audit", "--folder", str(scene.actors[_AUDITOR].home))
    auditor.process.wait(_SAY_SECONDS)
    scene.liars_here.add(_AUDITOR)
    scene.seen += [Trace(Finder.AUDIT, _AUDITOR, 1, line) for line in auditor.lines]


@contextmanager
def _lying(scene: Scene, name: str) -> Iterator:
    """Put a proxy between an actor and one of its daemons; gives what ends the lie."""
    home = scene.actors[name].home
    settings = load_settings(home, environment={})
    if name in STORE_TRICKS:
        upstream = settings.store.removeprefix("ipfs:")
        with store_proxy(upstream, STORE_TRICKS[name]) as store:
            save_settings(home, replace(settings, store=f"ipfs:{store.address}"))
            yield store.honest.set
        return
    with proxy_before(settings.chain) as chain:
        chain.trick = RPC_TRICKS.get(name, HIDES_AN_EVENT)
        save_settings(home, replace(settings, chain=chain.url))
        yield lambda: setattr(chain, "trick", honest)
