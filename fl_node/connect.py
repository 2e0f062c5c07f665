"""From a node's settings to its ledger and its store."""

from pathlib import Path
from typing import TYPE_CHECKING

from fl_node.chain.ledger import Ledger
from fl_node.config import FILE_NAME, Settings, load_settings, settings_folder
from fl_node.cores import available_cores
from fl_node.errors import NetworkError, NoFederationError, SettingsError
from fl_node.federation import Federation, open_federation
from fl_node.network.host import HEADER, holds_network, load_network
from fl_node.store.directory import DirectoryStore
from fl_node.store.store import Store

if TYPE_CHECKING:
    from fl_node.chain.accounts import Signer
    from fl_node.chain.connection import Connection

EMBEDDED, DIRECTORY, IPFS = "embedded:", "directory:", "ipfs:"
_URLS = ("http://", "https://")
_CACHE = "cache"


def connect(folder: Path | None, host: str = HEADER) -> tuple[Settings, Federation]:
    """Open the federation that a folder's settings name, for reading.

    :raises FlnodeError: when settings, chain or store are not there or not whole
    """
    found = settings_folder(folder, host)
    settings = load_settings(found)
    federation = open_federation(open_ledger(found, settings), open_store(found, settings))
    return settings, federation


def open_ledger(folder: Path, settings: Settings, signer: "Signer | None" = None) -> Ledger:
    """Open the contract that the settings name.

    :param signer: writes are sent from this account; none reads only
    :raises SettingsError: when no federation was deployed or joined yet
    """
    from fl_node.chain.ethereum import EthereumLedger

    if not settings.federation:
        raise NoFederationError(
            f"{folder} belongs to no federation yet: flnode deploy PLAN.toml makes one, "
            "flnode join ADDRESS enters one"
        )
    return EthereumLedger(open_chain(folder, settings), settings.federation, signer)


def open_chain(folder: Path, settings: Settings) -> "Connection":
    """Open the chain that the settings name; a relative path starts at their folder."""
    if settings.chain.startswith(_URLS):
        from fl_node.chain.rpc import RpcConnection

        connection = RpcConnection(settings.chain)
        _require_own_network(folder, settings, connection)
        return connection
    path = settings.chain.removeprefix(EMBEDDED)
    if path in {settings.chain, ""}:
        raise SettingsError(
            "setting 'chain' must be embedded:FILE or the URL of a node's JSON-RPC, such as "
            f"http://127.0.0.1:8545; found {settings.chain!r}"
        )
    from fl_node.chain.embedded import EmbeddedChain

    return EmbeddedChain.load(folder / path)


def _require_own_network(folder: Path, settings: Settings, connection: "Connection") -> None:
    """Refuse a node of another network: what is written for this one would mean nothing there.

    :raises NetworkError: naming both chains
    """
    from fl_node.chain.web3_errors import web3_errors

    if not holds_network(folder):
        return
    expected = load_network(folder).chain_id
    with web3_errors("its id"):
        found = connection.chain_id
    if found != expected:
        raise NetworkError(
            f"the node at {settings.chain} is on chain {found}, the network of {folder} has "
            f"{expected}: start this host's own daemons, or correct 'chain' in its {FILE_NAME}"
        )


def open_store(folder: Path, settings: Settings) -> Store:
    """Open the store that the settings name; a relative path starts at their folder."""
    for kind in (DIRECTORY, IPFS):
        place = settings.store.removeprefix(kind)
        if place not in {settings.store, ""}:
            return _ipfs(place, folder) if kind == IPFS else DirectoryStore(folder / place)
    raise SettingsError(
        "setting 'store' must be directory:FOLDER or ipfs:MULTIADDRESS, such as "
        f"ipfs:/ip4/127.0.0.1/tcp/5001; found {settings.store!r}"
    )


def open_signer(folder: Path, settings: Settings, key: str = "keystore") -> "Signer":
    """Open the account that a setting names.

    :param key: ``keystore`` or ``owner_keystore``
    :raises SettingsError: when the settings name none
    :raises KeystoreError: when it cannot be opened
    """
    from fl_node.chain.accounts import open_account, read_password

    for needed in (key, "password_file"):
        if not getattr(settings, needed):
            raise SettingsError(
                f"setting {needed!r} is missing in {folder}: flnode keys new FILE makes an account"
            )
    password = read_password(folder / settings.password_file)
    return open_account(folder / getattr(settings, key), password)


def threads_of(settings: Settings) -> int | None:
    """Give the threads for TensorFlow: as set, else this node's share of the machine's cores.

    :returns: None where TensorFlow may take what it likes
    """
    if settings.threads or settings.local_nodes <= 1:
        return settings.threads or None
    return max(1, available_cores() // settings.local_nodes)


def _ipfs(address: str, folder: Path) -> Store:
    from fl_node.store.ipfs import IpfsStore

    return IpfsStore(address, folder / _CACHE)
