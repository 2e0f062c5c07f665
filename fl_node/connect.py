"""From a node's settings to its ledger and its store."""

from pathlib import Path

from fl_node.chain.ledger import Ledger
from fl_node.config import Settings, load_settings
from fl_node.errors import SettingsError
from fl_node.federation import Federation, open_federation
from fl_node.store.directory import DirectoryStore
from fl_node.store.store import Store

EMBEDDED = "embedded"
DIRECTORY = "directory"


def connect(folder: Path) -> tuple[Settings, Federation]:
    """Open the federation that a folder's settings name, for reading.

    :raises FlnodeError: when settings, chain or store are not there or not whole
    """
    settings = load_settings(folder)
    federation = open_federation(open_ledger(folder, settings), open_store(folder, settings))
    return settings, federation


def open_ledger(folder: Path, settings: Settings) -> Ledger:
    """Open the chain that the settings name; relative paths start at their folder."""
    from fl_node.chain.embedded import EmbeddedChain
    from fl_node.chain.ethereum import EthereumLedger

    path = _place("chain", settings.chain, EMBEDDED)
    return EthereumLedger(EmbeddedChain.load(folder / path), settings.federation)


def open_store(folder: Path, settings: Settings) -> Store:
    """Open the store that the settings name; relative paths start at their folder."""
    return DirectoryStore(folder / _place("store", settings.store, DIRECTORY))


def _place(key: str, value: str, kind: str) -> str:
    found, _, path = value.partition(":")
    if found != kind or not path:
        raise SettingsError(f"setting {key!r} must be {kind}:PATH, found {value!r}")
    return path
