"""The chain and the store that a folder's settings name, as a bundle."""

from collections.abc import Callable
from pathlib import Path

from fl_node.bundle.write import Written, write_bundle
from fl_node.chain.ethereum import checksum_address
from fl_node.chain.excerpt import Excerpt
from fl_node.config import load_settings, settings_folder
from fl_node.connect import open_chain, open_store
from fl_node.errors import SettingsError
from fl_node.network.host import HEADER


def bundle_federation(
    folder: Path | None,
    file: Path,
    *,
    light: bool,
    until: int | None,
    say: Callable[[str], None],
) -> Written:
    """Write the bundle of the federation that a folder's settings name.

    :param until: the last block; None for the newest that can no longer be replaced
    :raises FlnodeError: when settings, chain or store are not there or not whole
    :raises OSError: when the file cannot be written
    """
    found = settings_folder(folder, HEADER)
    settings = load_settings(found)
    if not settings.federation:
        raise SettingsError(f"{found} belongs to no federation yet: there is nothing to bundle")
    federation = checksum_address(settings.federation)
    excerpt = Excerpt(open_chain(found, settings), federation, until)
    store = open_store(found, settings)
    return write_bundle(file, excerpt, store, light=light, say=say)
