"""The command table: names and where the commands are; a command is imported when it is used."""

import json
import sys
from importlib import import_module

import click

from fl_node import __version__
from fl_node.errors import FlnodeError

COMMANDS = {
    "aggregate": "aggregator.roles_command:aggregate",
    "audit": "aggregator.audit_command:audit",
    "backup": "fl_node.host_command:backup",
    "bundle": "aggregator.audit_command:bundle",
    "demo": "aggregator.demo_command:demo",
    "deploy": "aggregator.roles_command:deploy",
    "devnet": "fl_node.network.command:devnet",
    "doctor": "fl_node.host_command:doctor",
    "evaluate": "fl_node.command:evaluate",
    "export": "fl_node.command:export",
    "host": "fl_node.network.host_command:host",
    "join": "fl_node.host_command:join",
    "keys": "fl_node.host_command:keys",
    "network": "fl_node.network.host_command:network",
    "nodes": "fl_node.nodes_command:nodes",
    "owner": "fl_node.owner_command:owner",
    "plot": "fl_node.command:plot",
    "restore": "fl_node.host_command:restore",
    "split": "aggregator.split_command:split",
    "status": "fl_node.status_command:status",
    "train": "aggregator.roles_command:train",
}
_INTERRUPTED = 130


class _CommandTable(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=_CommandTable, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="flnode")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def flnode(debug: bool) -> None:
    """Train one Keras model together without sharing data, and let anyone check every average."""


def main() -> None:
    """Run the command line; a named error is one line on standard error and exit status 1."""
    try:
        flnode.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)
    except (FlnodeError, OSError) as error:
        if "--debug" in sys.argv:
            raise
        _say(error)
        sys.exit(1)


def _say(error: FlnodeError | OSError) -> None:
    kind, text = type(error).__name__, " ".join(_text(error).split())
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps({"error": text, "kind": kind}) + "\n")
    sys.stderr.write(f"flnode: {text}\n")


def _text(error: FlnodeError | OSError) -> str:
    if isinstance(error, FlnodeError):
        return str(error)
    place = error.filename or "a file"
    return f"{place}: {error.strerror or error}; check the path, its permissions and the disk"
