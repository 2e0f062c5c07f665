"""The hosts that a folder holds: itself, or those of a network; and telling them what to join."""

from dataclasses import replace
from pathlib import Path

from fl_node.cid import Cid
from fl_node.config import DEVNET, FILE_NAME, load_settings, save_settings, settings_folder
from fl_node.network.host import holds_network, load_network


def homes_of(folder: Path | None, host: str | None) -> dict[str, Path]:
    """Find the folders of hosts, by name, in the order of their network.

    :param folder: as the user named it; None looks here, then in the network that `make devnet`
        makes here
    :param host: only this one
    :raises NetworkError: when a network's file cannot be read
    """
    if host is not None:
        return {host: settings_folder(folder, host)}
    for place in [folder] if folder is not None else [Path(), Path(DEVNET)]:
        if (place / FILE_NAME).is_file():
            return {place.resolve().name: place}
        inside = _hosts_inside(place)
        if inside:
            return inside
    place = folder if folder is not None else Path()
    return {place.resolve().name: place}


def neighbours(home: Path) -> list[Path]:
    """Give the host folders of the network that a host is part of, itself first.

    What a killed deployment created is found by the next one if its own host was told.
    """
    network = home.resolve().parent
    if not holds_network(network):
        return [home]
    return sorted(homes_of(network, None).values(), key=lambda each: each != home.resolve())


def all_name(home: Path, contract: str) -> bool:
    """Tell whether the settings of all hosts here name a contract."""
    told = (load_settings(folder, environment={}) for folder in neighbours(home))
    return all(each.federation == contract for each in told)


def tell(home: Path, contract: str, plan: Cid, data: str) -> list[Path]:
    """Write a contract, the plan and the data it is about into the settings of all hosts here.

    :returns: the settings files
    """
    return [_told(folder, contract, plan, data) for folder in neighbours(home)]


def _told(folder: Path, contract: str, plan: Cid, data: str) -> Path:
    before = load_settings(folder, environment={})
    save_settings(folder, replace(before, federation=contract, plan=str(plan), data=data))
    return folder / FILE_NAME


def _hosts_inside(place: Path) -> dict[str, Path]:
    if not holds_network(place):
        return {}
    names = [each.name for each in load_network(place).hosts]
    return {name: place / name for name in names if (place / name / FILE_NAME).is_file()}
