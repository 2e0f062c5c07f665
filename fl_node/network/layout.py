"""Write the folders of a network whose hosts are machines of their own, from a small TOML file."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fl_node.errors import NetworkError, TomlError
from fl_node.network.create import Site, create_network
from fl_node.network.host import Network, Ports, checked_address, holds_network, load_network
from fl_node.network.membership import rewrite
from fl_node.network.ports import USUAL
from fl_node.toml import parse_toml

_PERIOD_SECONDS = 1
_MAX_PORT = 65535
_KEYS = {"hosts", "period_seconds"}


def write_network(folder: Path, hosts_file: Path, ipfs: Path) -> tuple[Network, bool]:
    """Make a network's folder with one folder for each host; say whether it is new.

    :param hosts_file: a table ``[hosts]`` of names and addresses; or of names and tables with
        ``address`` and those ports that are not the usual ones
    :raises FlnodeError: when the file is not as it should be, or names other hosts than the folder
    """
    sites, period_seconds = read_sites(hosts_file)
    if holds_network(folder):
        return _same(load_network(folder), sites, folder), False
    network = create_network(folder, sites, ipfs, period_seconds=period_seconds)
    rewrite(folder, network)
    return network, True


def read_sites(hosts_file: Path) -> tuple[dict[str, Site], int]:
    """Read where the hosts are to be, and the seconds between blocks.

    :raises NetworkError: when the file is not as it should be
    """
    document = _read(hosts_file)
    sites = {name: _site(name, said) for name, said in document["hosts"].items()}
    return sites, document.get("period_seconds", _PERIOD_SECONDS)


def _same(network: Network, sites: Mapping[str, Site], folder: Path) -> Network:
    had = {each.name: Site(each.address, each.ports) for each in network.hosts}
    if had != sites:
        raise NetworkError(
            f"{folder} holds a network of other hosts ({', '.join(had)}): take another folder, "
            "or add and remove hosts"
        )
    return network


def _read(path: Path) -> dict[str, Any]:
    try:
        document = parse_toml(path.read_bytes())
    except (OSError, TomlError) as error:
        raise NetworkError(f"{path} cannot be read as TOML: {error}") from error
    unknown = sorted(set(document) - _KEYS)
    if unknown:
        raise NetworkError(f"{path} has {unknown[0]!r}; there are: {', '.join(sorted(_KEYS))}")
    if not isinstance(document.get("hosts"), dict):
        raise NetworkError(
            f'{path} should have a table [hosts] with lines like header = "192.0.2.1"'
        )
    period = document.get("period_seconds", _PERIOD_SECONDS)
    if type(period) is not int or period < 1:
        raise NetworkError(f"{path}: period_seconds is a whole number from 1, found {period!r}")
    return document


def _site(name: str, said: object) -> Site:
    table = {"address": said} if isinstance(said, str) else said
    if not isinstance(table, dict) or not isinstance(table.get("address"), str):
        raise NetworkError(f'{name} should have an address such as "192.0.2.1", found {said!r}')
    ports = asdict(USUAL) | {key: value for key, value in table.items() if key != "address"}
    unknown = sorted(set(ports) - set(asdict(USUAL)))
    if unknown:
        raise NetworkError(
            f"{name} has {unknown[0]!r}; there are: address, {', '.join(asdict(USUAL))}"
        )
    for key, port in ports.items():
        if type(port) is not int or not 1 <= port <= _MAX_PORT:
            raise NetworkError(f"{name}: the port {key} is from 1 to {_MAX_PORT}, found {port!r}")
    return Site(checked_address(table["address"]), Ports(**ports))
