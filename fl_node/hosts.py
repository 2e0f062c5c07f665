"""The hosts that a folder holds: itself, or those of a network."""

from pathlib import Path

from fl_node.config import DEVNET, FILE_NAME, settings_folder
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


def _hosts_inside(place: Path) -> dict[str, Path]:
    if not holds_network(place):
        return {}
    names = [each.name for each in load_network(place).hosts]
    return {name: place / name for name in names if (place / name / FILE_NAME).is_file()}
