"""Commands of the federation's owner about its rounds: owner header, reopen, extend, terms."""

from dataclasses import asdict
from pathlib import Path

import click

from fl_node.options import examples, print_json, with_folder, with_json

_COUNT = click.IntRange(min=0)


@click.group(epilog=examples("flnode owner reopen", "flnode owner extend 10"))
def owner() -> None:
    """Replace the header, restart a round, add rounds or change terms, as the federation's owner.

    All of it stands on the chain for ever, and every audit lists it.
    """


@owner.command("header", epilog=examples("flnode owner header 0x5aAe…"))
@click.argument("account")
@with_folder
@with_json
def owner_header(account: str, folder: Path | None, as_json: bool) -> None:
    """Make ACCOUNT the header, at once: it rejects and closes from now on."""
    from fl_node.owner import set_header

    header = set_header(_home(folder), account)
    if as_json:
        print_json({"header": header})
        return
    click.echo(f"the header is {header}; on its host: flnode aggregate")


@owner.command("reopen", epilog=examples("flnode owner reopen", "flnode owner reopen --round 3"))
@click.option("--round", "number", type=click.IntRange(min=1), help="Default: the open round.")
@with_folder
@with_json
def owner_reopen(number: int | None, folder: Path | None, as_json: bool) -> None:
    """Restart the open round, or the one before while its global is not final.

    It starts from the same base, without updates and rejections; trainers send theirs again.
    """
    from fl_node.owner import reopen

    reopened = reopen(_home(folder), number)
    if as_json:
        print_json({"reopened": reopened})
        return
    click.echo(f"round {reopened} began again, without updates and rejections")


@owner.command("extend", epilog=examples("flnode owner extend 10"))
@click.argument("rounds", type=click.IntRange(min=1))
@with_folder
@with_json
def owner_extend(rounds: int, folder: Path | None, as_json: bool) -> None:
    """Make ROUNDS the last round; a federation that was complete goes on."""
    from fl_node.owner import extend

    before = extend(_home(folder), rounds)
    if as_json:
        print_json({"rounds": rounds, "before": before})
        return
    click.echo(f"the last round is {rounds}, it was {before}")


@owner.command("terms", epilog=examples("flnode owner terms --quorum 2 --round-seconds 600"))
@click.option("--target", type=_COUNT, help="Updates that close a round at once; 0 means all.")
@click.option("--quorum", type=_COUNT, help="Updates that are enough once the deadline is past.")
@click.option("--round-seconds", type=_COUNT, help="Until the deadline.")
@click.option("--grace-seconds", type=_COUNT, help="The header's, before any node may close.")
@click.option("--max-staleness", type=_COUNT, help="How many globals old a base may be.")
@click.option("--finality", type=_COUNT, help="Attestations that a global needs.")
@with_folder
@with_json
def owner_terms(folder: Path | None, as_json: bool, **options: int | None) -> None:
    """Change terms, from the next round on."""
    from fl_node.owner import change_terms

    changes = {name: value for name, value in options.items() if value is not None}
    if not changes:
        raise click.UsageError("name at least one term, such as --quorum 2")
    terms = asdict(change_terms(_home(folder), changes))
    if as_json:
        print_json({"terms": terms})
        return
    listed = ", ".join(f"{name} {value}" for name, value in terms.items())
    click.echo(f"from the next round on: {listed}")


def _home(folder: Path | None) -> Path:
    from fl_node.config import settings_folder
    from fl_node.network.host import HEADER

    return settings_folder(folder, HEADER)
