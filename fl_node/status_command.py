"""The command status: of a federation, or of split learning; once, or until all is done."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl_node.options import examples, print_json, with_folder, with_json

if TYPE_CHECKING:
    from rich.table import Table

    from fl_node.split.status import SplitStatus
    from fl_node.status import RoundStatus, Status

_WATCH_SECONDS = 2
_SPLIT_WATCH_SECONDS = 0.5
_TABLE_WIDTH = 124
_HEADINGS = (
    *("round", "accuracy", "loss", "included"),
    *("rejected", "missing", "checked by", "global"),
)


@click.command(
    epilog=examples(
        "flnode status --folder demo",
        "flnode status --folder demo --watch",
        "flnode status --watch --json | jq .sessions[0].node.step",
        "flnode status --folder demo --json | jq .rounds[-1].accuracy",
    )
)
@with_folder
@with_json
@click.option(
    "--watch", is_flag=True, help="Show it anew until all is done or Ctrl-C; JSON: line by line."
)
def status(folder: Path | None, as_json: bool, watch: bool) -> None:
    """Show the rounds: who is in, rejected or missing, and why.

    Of split learning it shows both parties' step, loss, accuracy, traffic, and the last root.
    """
    if not watch:
        view = _look(folder)
        print_json(view.document()) if as_json else view.show()
        return
    shown: dict[str, Any] | None = None
    for seen in _views(folder):
        if as_json and not isinstance(seen, str):
            document = seen.document()
            if document != shown:
                print_json(document)
            shown = document
        elif not as_json:
            click.clear()
            click.echo(f"waiting: {seen}") if isinstance(seen, str) else seen.show()


def _views(folder: Path | None) -> "Iterator[_View | str]":
    """Look again and again, until all is done."""
    while True:
        seen = _view_or_reason(folder)
        yield seen
        if not isinstance(seen, str) and seen.is_complete:
            return
        time.sleep(_WATCH_SECONDS if isinstance(seen, str) else seen.pause_seconds)


def _view_or_reason(folder: Path | None) -> "_View | str":
    """Give what there is to see, or say what is not there yet."""
    from fl_node.errors import NoFederationError
    from fl_node.patience import PASSES

    try:
        return _look(folder)
    except (NoFederationError, *PASSES) as error:
        return str(error)


def _look(folder: Path | None) -> "_View":
    from fl_node.config import load_settings, settings_folder
    from fl_node.connect import connect
    from fl_node.network.host import HEADER
    from fl_node.split.opening import names_split_learning, open_session
    from fl_node.split.status import status_of_split
    from fl_node.status import status_of

    home = settings_folder(folder, HEADER)
    settings = load_settings(home)
    if names_split_learning(home, settings):
        return _SplitView(status_of_split(open_session(home, settings), folder))
    return _FederationView(status_of(connect(folder)[1]))


class _View(ABC):
    """What was seen at one moment."""

    is_complete: bool
    pause_seconds: float

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """Give it to programs."""

    @abstractmethod
    def show(self) -> None:
        """Print it for people."""


class _FederationView(_View):
    pause_seconds = _WATCH_SECONDS

    def __init__(self, found: "Status") -> None:
        self._found = found
        self.is_complete = found.complete

    def document(self) -> dict[str, Any]:
        return _status_document(self._found)

    def show(self) -> None:
        _print_status(self._found)


class _SplitView(_View):
    pause_seconds = _SPLIT_WATCH_SECONDS

    def __init__(self, found: "SplitStatus") -> None:
        self._found = found
        self.is_complete = found.complete

    def document(self) -> dict[str, Any]:
        return self._found.document()

    def show(self) -> None:
        for line in self._found.lines():
            click.echo(line)


def _status_document(found: "Status") -> dict[str, Any]:
    return {
        "federation": found.federation,
        "chain_id": found.chain_id,
        "name": found.name,
        "plan": found.plan,
        "round": None if found.complete else found.open_number,
        "rounds_total": found.rounds_total,
        "complete": found.complete,
        "closable": found.closable,
        "deadline": None if found.complete else found.deadline,
        "global": found.latest,
        "rounds": [_round_document(each) for each in found.rounds],
        "nodes": [{"node": node, "account": account} for node, account in found.nodes],
    }


def _round_document(each: "RoundStatus") -> dict[str, Any]:
    return {
        "round": each.number,
        "global": each.model,
        "included": each.included,
        "rejected": [{"node": node, "reason": reason} for node, reason in each.rejected],
        "late": each.late,
        "missing": each.missing,
        "duplicates": each.duplicates,
        "agreeing": each.agreeing,
        "disputing": each.disputing,
        "accuracy": each.accuracy,
        "loss": each.loss,
        "unreadable": each.unreadable,
    }


def _print_status(found: "Status") -> None:
    from rich.console import Console

    now = "complete" if found.complete else f"round {found.open_number} is open"
    if found.closable:
        now += " and can be closed"
    click.echo(f"{found.name}: {now}, {found.latest_number} of {found.rounds_total} rounds closed")
    click.echo(f"federation {found.federation} on chain {found.chain_id}")
    click.echo(f"global {found.latest_number} {found.latest}")
    console = Console(highlight=False)
    console.width = max(console.width, _TABLE_WIDTH)  # a CID on two lines cannot be copied
    console.print(_rounds_table(found))


def _rounds_table(found: "Status") -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for heading in _HEADINGS:
        table.add_column(heading, overflow="fold", no_wrap=heading == _HEADINGS[-1])
    for each in found.rounds:
        table.add_row(*_round_cells(each))
    return table


def _round_cells(each: "RoundStatus") -> tuple[str, ...]:
    unknown = f"unknown: {each.unreadable}" if each.unreadable else "-"
    late = {one.node: f" (late: {one.why})" for one in each.late}
    return (
        str(each.number),
        unknown if each.accuracy is None else f"{100 * each.accuracy:.2f} %",
        "-" if each.loss is None else f"{each.loss:.4f}",
        ", ".join(_shown(node, each) + late.get(node, "") for node in each.included) or "-",
        ", ".join(f"{node} ({reason})" for node, reason in each.rejected) or "-",
        ", ".join(f"{node}{late.get(node, '')}" for node in each.missing) or "-",
        _words(each),
        str(each.model) if each.model else "open",
    )


def _words(each: "RoundStatus") -> str:
    """Say who recomputed the global, and who disputes it."""
    agreeing = ", ".join(map(str, each.agreeing))
    disputing = ", ".join(f"{node} DISPUTES" for node in each.disputing)
    return ", ".join(filter(None, (agreeing, disputing))) or "-"


def _shown(node: int, each: "RoundStatus") -> str:
    copied = {copy: original for original, copy in each.duplicates}
    return f"{node} (= {copied[node]})" if node in copied else str(node)
