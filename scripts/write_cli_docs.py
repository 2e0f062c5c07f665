"""Write docs/cli.md: what every command's help says."""

from collections.abc import Iterator
from pathlib import Path

import click

from fl_node.cli import flnode
from fl_node.files import write_atomically

CLI_PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
_COLUMNS = 88
_TOP = """\
# The command line

Written from the commands' own `--help` by `make docs`; a test fails when it is not current.

- With `--json` a command prints one JSON document on standard output and nothing else there. An
  error is then `{"error": …, "kind": …}`.
- Exit status: 0 done, 1 a named error in one line (what was asked, what was found, what to try) or
  an audit that found something, 2 wrong usage, 130 stopped by Ctrl-C, 143 by SIGTERM.
- `flnode --debug` before a command's name shows the traceback of an error.
- A folder's settings are in its `flnode.toml`; each can be set by an environment variable instead,
  such as `FLNODE_DATA` for `data`. An unknown setting is refused.
- `FLNODE_CACHE` names the folder for downloaded data sets and built daemons; else it is the user's
  cache. `FLNODE_GETH` and `FLNODE_IPFS` name binaries to take instead.

| with `--json` | the document's keys |
|---|---|
| `demo` | `federation, folder, rounds[], accuracy[], global, audit{as audit}, seconds` |
| `audit` | `ok, rounds_checked, first_bad{round, node, reason, detail}, findings[as first_bad], \
rejections[{round, node, reason, verdict}], disputes[{round, node}], owner_acts[]` |
| `status` | `federation, chain_id, name, plan, round, rounds_total, complete, closable, deadline, \
global, rounds[{round, global, included[], late[{node, why}], rejected[{node, reason}], missing[], \
duplicates[], agreeing[], disputing[], accuracy, loss, unreadable}], nodes[{node, account}]` |
| `evaluate` | `global{number, weights, report}, samples, metrics{}` |
| `deploy` | `federation, chain_id, plan, global, header, nodes{}, settings[]` |
| `train` | `node, rounds[], updates[]` |
| `aggregate` | `rounds[], global, accuracy[]` |
| `doctor` | `ok, checks[{name, ok, found, try}]`, on a network's folder each with `host` |
| `join` | `federation, chain_id, plan, trained[], node, accepted, settings` |
| `nodes add` | `node, account, funded_wei, registered, folder, steps[]` |
| `nodes remove` | `node, revoked, reopened, voted_out, steps[]` |
| `owner header` | `header` |
| `owner reopen` | `reopened` |
| `owner extend` | `rounds, before` |
| `owner terms` | `terms{target, quorum, round_seconds, grace_seconds, max_staleness, finality, \
rounds}` |
| `keys new` | `address, keystore, password_file` |
| `backup` | `file, host, files, bytes, left_out[], stopped` |
| `restore` | `folder, host, files, bytes` |
| `export` | `global{number, weights, report}, file` |
| `plot` | `file, rounds` |
"""


def cli_page() -> str:
    """Give the page: the top, then a section for each command."""
    table = click.Context(flnode, info_name="flnode", max_content_width=_COLUMNS)
    table.terminal_width = _COLUMNS
    table.help_option_names = flnode.context_settings["help_option_names"]
    sections = [_section("flnode", flnode, table)]
    sections += _sections(flnode, table)
    return "\n".join([_TOP, *sections])


def _sections(group: click.Group, within: click.Context) -> Iterator[str]:
    """Give a section for each command of a group, and for each of theirs."""
    for name in group.list_commands(within):
        command = group.get_command(within, name)
        assert command is not None, name  # noqa: S101  what is listed is there
        context = click.Context(command, info_name=name, parent=within)
        yield _section(context.command_path, command, context)
        if isinstance(command, click.Group):
            yield from _sections(command, context)


def _section(title: str, command: click.Command, context: click.Context) -> str:
    return f"## {title}\n\n```\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    write_atomically(CLI_PAGE, [cli_page().encode()])
