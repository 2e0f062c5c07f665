"""The parties of split learning, each a process: provide, train."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import click

from fl_node.options import examples, print_json, with_folder, with_json

if TYPE_CHECKING:
    from fl_node.split.progress import Progress
    from fl_node.split.roles import Surroundings

_LOOK_SECONDS = 0.1


@click.group(short_help="Train a model whose layers two parties share.")
def split() -> None:
    """Split learning: a data owner trains the lower layers, an AI provider the upper ones.

    Neither shows the other what it owns, and every message is signed and recorded. flnode deploy
    PLAN.toml with a table [split] begins it.
    """


@split.command(
    epilog=examples(
        "flnode split provide",
        "flnode split provide --listen 192.0.2.7:7400",
        "flnode split provide -C /srv/flnode/header --json",
    )
)
@with_folder
@with_json
@click.option(
    "--listen",
    default="127.0.0.1:0",
    show_default=True,
    metavar="HOST:PORT",
    help="Where data owners connect to; port 0 takes any that is free.",
)
def provide(folder: Path | None, as_json: bool, listen: str) -> None:
    """Train the upper layers with every data owner, until all epochs are recorded.

    Start it in any order. Stopped or killed at any moment, it goes on where it was when it is
    started again.
    """
    from aggregator.shares import average_shares
    from fl_node.config import settings_folder
    from fl_node.network.host import HEADER
    from fl_node.split.roles import provide_all

    host, port = _address(listen)
    home = settings_folder(folder, HEADER)
    _run(lambda around: provide_all(home, around, average_shares, host=host, port=port), as_json)


@split.command(
    epilog=examples(
        "flnode split train --node-id 1",
        "flnode split train -C /srv/flnode/node-1 --json",
    )
)
@click.option("--node-id", type=click.IntRange(min=1), help="Default: the one of this account.")
@with_folder
@with_json
def train(node_id: int | None, folder: Path | None, as_json: bool) -> None:
    """Train the lower layers on this node's own data, until all epochs are recorded.

    Start it in any order. Stopped or killed at any moment, it goes on where it was when it is
    started again.
    """
    from aggregator.shares import average_shares
    from fl_node.config import settings_folder
    from fl_node.split.roles import train_all

    home = settings_folder(folder, f"node-{node_id or 1}")
    _run(lambda around: train_all(home, node_id, around, average_shares), as_json)


@split.command(
    epilog=examples(
        "flnode split leakage --node-id 1",
        "flnode split leakage --node-id 1 --epoch 0 --json",
    )
)
@click.option(
    "--node-id",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Whose data and parts are looked at.",
)
@click.option("--epoch", type=click.IntRange(min=0), help="Default: the last that is here.")
@with_folder
@with_json
def leakage(node_id: int, epoch: int | None, folder: Path | None, as_json: bool) -> None:
    """Measure what this node's parts give away: inputs from activations, labels from gradients.

    A decoder is trained on this node's side only; nothing is sent.
    """
    from rich.console import Console

    from fl_node.config import load_settings, settings_folder
    from fl_node.split.disclosure import leakage_of

    home = settings_folder(folder, f"node-{node_id}")
    with Console(stderr=True).status("trains a decoder"):
        found = leakage_of(home, load_settings(home), node_id, epoch)
    if as_json:
        print_json(found.table())
        return
    for line in found.lines():
        click.echo(line)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 2**16 - 1:
        raise click.UsageError(f"--listen takes HOST:PORT, such as 127.0.0.1:7400; found {listen}")
    return host.strip("[]"), int(port)


def _run(role: "Callable[[Surroundings], None]", as_json: bool) -> None:
    from rich.console import Console

    from fl_node.errors import StoppedError
    from fl_node.patience import Patience
    from fl_node.split.console import SessionWatcher
    from fl_node.split.roles import Surroundings

    watcher = SessionWatcher(Console(stderr=as_json))
    newest: dict[int, Progress] = {}

    def tell(progress: "Progress") -> None:
        newest[progress.node] = progress
        watcher.tell(progress)

    with watcher, Patience(watcher.waits_for) as patience:
        try:
            _in_thread(lambda: role(Surroundings(patience, watcher.say, tell)))
        except StoppedError as stopped:
            watcher.say("stopped between two messages; the same command goes on from here")
            raise SystemExit(128 + stopped.signal) from None
    if as_json:
        print_json({"sessions": [newest[node] for node in sorted(newest)]})


def _in_thread(act: Callable[[], None]) -> None:
    """Run what waits within TensorFlow beside this thread, in which signals arrive."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = Thread(target=run, name="split")
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK_SECONDS)
    if failures:
        raise failures[0]
