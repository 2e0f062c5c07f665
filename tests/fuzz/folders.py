"""What lies in a host's folder and was written by people, or by other hosts."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from fl_node.chain.accounts import OWNER_ONLY, address_of
from fl_node.config import FILE_NAME, load_settings
from fl_node.members import MEMBERS_FILE, read_members
from fl_node.network.host import NETWORK_FILE, load_network
from fl_node.network.layout import read_sites
from fl_node.training.plan_file import parse_plan_file

_FOLDER = tempfile.TemporaryDirectory(prefix="flnode-fuzz-")
FOLDER = Path(_FOLDER.name)


def settings(content: bytes) -> None:
    """Read a file of settings; the first byte says which."""
    _READERS[content[0] % len(_READERS) if content else 0](content[1:])


def _settings(content: bytes) -> None:
    (FOLDER / FILE_NAME).write_bytes(content)
    load_settings(FOLDER, environment={})


def _members(content: bytes) -> None:
    (FOLDER / MEMBERS_FILE).write_bytes(content)
    read_members(FOLDER).for_nodes(2)


def _hosts(content: bytes) -> None:
    (FOLDER / "hosts.toml").write_bytes(content)
    read_sites(FOLDER / "hosts.toml")


def _plan_file(content: bytes) -> None:
    parse_plan_file(content.decode(errors="surrogateescape"), FOLDER, {})


def _network(content: bytes) -> None:
    (FOLDER / NETWORK_FILE).write_bytes(content)
    load_network(FOLDER)


def _keystore(content: bytes) -> None:
    place = FOLDER / "keystore.json"
    place.write_bytes(content)
    place.chmod(OWNER_ONLY)
    address_of(place)


_READERS: tuple[Callable[[bytes], None], ...] = (
    *(_settings, _members, _hosts, _plan_file, _network, _keystore),
)
READERS = tuple(reader.__name__.strip("_") for reader in _READERS)
