"""Accounts in keystore files: encrypted keys (Web3 Secret Storage, version 3) that sign here."""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from filelock import FileLock, Timeout

from fl_node.cache import cache_folder
from fl_node.canonical import parse_json
from fl_node.errors import CanonicalError, KeystoreError
from fl_node.files import write_atomically

Signer = LocalAccount

OWNER_ONLY = 0o600
_OTHERS = 0o077
_MAX_KEYSTORE_BYTES = 100_000
_ADDRESS = re.compile("(?:0x)?[0-9a-fA-F]{40}")
# A password of 256 random bits needs no slow derivation; what a person thinks up does.
_LIGHT_ROUNDS, _STANDARD_ROUNDS = 2**12, 2**18


def new_password(path: Path) -> str:
    """Write 256 random bits as hexadecimal digits to a file that only its owner may read.

    :raises OSError: when it cannot be written
    """
    password = secrets.token_hex(32)
    write_atomically(path, [f"{password}\n".encode()], mode=OWNER_ONLY)
    return password


def read_password(path: Path) -> str:
    """Give a password file's first line.

    :raises KeystoreError: when it cannot be read, is empty, or others may read it
    """
    _require_private(path)
    try:
        password = path.read_text().partition("\n")[0]
    except (OSError, ValueError) as error:
        raise KeystoreError(f"the password file {path} cannot be read: {error}") from error
    if not password:
        raise KeystoreError(f"the password file {path} is empty: its first line is the password")
    return password


def new_account(path: Path, password: str, *, light: bool = False) -> str:
    """Draw a key, write it encrypted to a file that only its owner may read, give its address.

    :param light: derive quickly, which is safe for random passwords only
    :raises KeystoreError: when the file is there already: a key is never overwritten
    """
    if path.exists():
        raise KeystoreError(
            f"{path} is there already, and a key is never overwritten: name another"
        )
    account: LocalAccount = Account.create()
    rounds = _LIGHT_ROUNDS if light else _STANDARD_ROUNDS
    keystore = Account.encrypt(account.key, password, kdf="scrypt", iterations=rounds)
    write_atomically(path, [json.dumps(keystore).encode()], mode=OWNER_ONLY)
    return str(account.address)


def open_account(path: Path, password: str) -> LocalAccount:
    """Decrypt a keystore.

    :raises KeystoreError: when it is none, others may read it, or the password is another
    """
    keystore = _read(path)
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(keystore, password))
    except ValueError as error:
        raise KeystoreError(f"the keystore {path} does not open with this password") from error
    except (KeyError, TypeError, AttributeError, ArithmeticError, NotImplementedError) as error:
        raise KeystoreError(f"{path} is no keystore of version 3: {error!r}") from error
    _require_address(path, keystore, account.address)
    return account


def address_of(path: Path) -> str:
    """Give the address that a keystore says it holds, without opening it.

    :raises KeystoreError: when it is none
    """
    found = _read(path).get("address")
    if not isinstance(found, str) or not _ADDRESS.fullmatch(found):
        raise KeystoreError(f"{path} is no keystore: it names no address")
    return "0x" + found.removeprefix("0x")


@contextmanager
def lock_account(address: str) -> Iterator[None]:
    """Keep other processes of this machine's user from signing as the same account.

    :raises KeystoreError: when one does
    """
    folder = cache_folder() / "accounts"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / f"{address.lower()}.lock", timeout=0):
            yield
    except Timeout as error:
        raise KeystoreError(
            f"another process on this machine signs as {address}: stop it, or wait until it ends"
        ) from error


def _read(path: Path) -> dict[str, object]:
    _require_private(path)
    try:
        with path.open("rb") as stream:
            keystore = parse_json(stream.read(_MAX_KEYSTORE_BYTES))
    except (OSError, CanonicalError) as error:
        raise KeystoreError(f"the keystore {path} cannot be read: {error}") from error
    if not isinstance(keystore, dict):
        raise KeystoreError(f"{path} is no keystore: it should hold a JSON object")
    return keystore


def _require_address(path: Path, keystore: dict[str, object], found: str) -> None:
    """See that a keystore holds the key that it says; a keystore need not say it."""
    said = keystore.get("address", found)
    if str(said).lower().removeprefix("0x") != found.lower().removeprefix("0x"):
        raise KeystoreError(
            f"the keystore {path} holds {found} and says that it holds another: restore a copy"
        )


def _require_private(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise KeystoreError(f"{path} cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        raise KeystoreError(f"{path} can be read by others (mode {mode & 0o777:o}): chmod 600 it")
