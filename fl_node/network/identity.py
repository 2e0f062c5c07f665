"""A host's own secrets, made once: accounts, sealer, and the keys of its two daemons."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from coincurve import PrivateKey

from fl_node.chain.accounts import new_account, new_password, open_account, read_password
from fl_node.errors import NetworkError
from fl_node.network import geth, kubo
from fl_node.network.host import PASSWORD, keystore_of
from fl_node.network.private import keep, private_folder

_KEY_BYTES = 32


@dataclass(frozen=True)
class Identity:
    """The public side of a host's secrets."""

    account: str
    sealer: str
    public_key: str
    peer_id: str


def ensure_identity(place: Path, name: str, ipfs: Path) -> Identity:
    """Make what a host's folder lacks of its secrets, and give their public side.

    :raises FlnodeError: when something there cannot be used
    """
    for folder in (place, place / "keys", place / "geth", place / "geth" / "keystore"):
        private_folder(folder)
    kubo.make_repository(ipfs, place)
    return Identity(
        account=ensure_account(place, keystore_of(name)),
        sealer=ensure_account(place, geth.SEALER_KEYSTORE),
        public_key=_ensure_node_key(place / geth.NODE_KEY),
        peer_id=kubo.peer_id(place),
    )


def ensure_account(place: Path, keystore: str) -> str:
    """Make a keystore in a host's folder, if it is not there; give its address.

    :raises KeystoreError: when one is there that does not open with the host's password
    """
    path, password_file = place / keystore, place / PASSWORD
    if not password_file.exists():
        new_password(password_file)
    password = read_password(password_file)
    if path.exists():
        return str(open_account(path, password).address)
    return new_account(path, password, light=True)


def _ensure_node_key(path: Path) -> str:
    """Make Geth's node key, if it is not there; give its public key, which names the node."""
    if not path.exists():
        keep(path, secrets.token_hex(_KEY_BYTES).encode())
    try:
        key = PrivateKey(bytes.fromhex(path.read_text().strip()))
    except ValueError as error:
        raise NetworkError(
            f"{path} should hold a key in {2 * _KEY_BYTES} digits: {error}"
        ) from error
    return key.public_key.format(compressed=False)[1:].hex()
