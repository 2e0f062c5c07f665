"""Who takes part: the accounts that a deployer registers, from ``members.toml`` or flags."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fl_node.errors import SettingsError, TomlError
from fl_node.toml import parse_toml

MEMBERS_FILE = "members.toml"
_MOST_DIGITS = 10  # of a node's number, 32 bits on the chain


@dataclass(frozen=True)
class Members:
    """The header's account, and the nodes' by number."""

    header: str
    nodes: Mapping[int, str]

    def for_nodes(self, count: int) -> "Members":
        """Give the first so many nodes.

        :raises SettingsError: when one of them has no account
        """
        missing = [node for node in range(1, count + 1) if node not in self.nodes]
        if missing:
            raise SettingsError(
                f"the plan has {count} nodes, node {missing[0]} has no account in {MEMBERS_FILE}: "
                "add it there, give --node N=ACCOUNT, or lower the plan's nodes"
            )
        return Members(self.header, {node: self.nodes[node] for node in range(1, count + 1)})


def read_members(folder: Path, header: str | None = None, nodes: Iterable[str] = ()) -> Members:
    """Read a folder's members file; what flags say goes before it.

    :param nodes: texts such as ``1=0x52…``
    :raises SettingsError: for a file or a flag that is not as it should be, or no header
    """
    written = _from_file(folder / MEMBERS_FILE)
    flags = dict(_numbered(*text.partition("=")[::2]) for text in nodes)
    listed = written.get("nodes", {})
    if not isinstance(listed, dict):
        raise SettingsError(f"{folder / MEMBERS_FILE} should have a table [nodes]")
    found = dict(_numbered(number, account) for number, account in listed.items()) | flags
    named = header or written.get("header")
    if not isinstance(named, str):
        raise SettingsError(
            f'no header\'s account: write header = "0x…" to {folder / MEMBERS_FILE}, or give '
            "--header"
        )
    return Members(named, found)


def _from_file(path: Path) -> dict[str, object]:
    try:
        return parse_toml(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, TomlError) as error:
        raise SettingsError(f"{path} cannot be read as TOML: {error}") from error


def _numbered(number: str, account: object) -> tuple[int, str]:
    plain = number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS
    if not plain or int(number) < 1 or not isinstance(account, str) or not account:
        raise SettingsError(f"a node is given as N=ACCOUNT, found {number}={account}")
    return int(number), account
