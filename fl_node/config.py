"""Settings of one node: defaults < ``flnode.toml`` < ``FLNODE_…`` environment < flags."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from fl_node.errors import SettingsError, TomlError
from fl_node.files import write_atomically
from fl_node.toml import parse_toml

FILE_NAME = "flnode.toml"
DEVNET = "devnet"
_WHOLE = re.compile(r"[0-9]{1,18}")
ENVIRONMENT_PREFIX = "FLNODE_"
# Where downloads go, where binaries and settings are: no settings of a federation.
_NOT_SETTINGS = frozenset(
    {"FLNODE_CACHE", "FLNODE_CURRENT_GETH", "FLNODE_FOLDER", "FLNODE_GETH", "FLNODE_IPFS"}
)


@dataclass(frozen=True)
class Settings:
    """What a node needs to find its federation; no secrets, only where they are.

    Paths are relative to the folder of the settings file.

    :ivar chain: ``embedded:FILE`` for the chain in this process, saved in FILE; else the URL of a
        node's JSON-RPC, such as ``http://127.0.0.1:8545``
    :ivar store: ``directory:FOLDER``, or ``ipfs:`` and the multiaddress of a Kubo node's API, such
        as ``ipfs:/ip4/127.0.0.1/tcp/5001``
    :ivar federation: address of the contract; empty before one was deployed or joined
    :ivar plan: the CID of the plan that this node's owner accepts; no other is trained
    :ivar data: where this node's data comes from, see :func:`fl_node.training.data.load_data`
    :ivar threads: for TensorFlow; 0 means the machine's cores divided by ``local_nodes``
    :ivar local_nodes: how many trainers share this machine
    :ivar keystore: the account that signs for this node or header
    :ivar owner_keystore: the account that deploys and administers
    :ivar password_file: opens both
    :ivar keep_rounds: how many closed rounds keep their weights in this node's store; 0 means all,
        and is what audits need
    :ivar checkpoint_epochs: after how many local epochs a training of several keeps a checkpoint
        in this folder, so that a crash costs no more than these; 0 keeps none
    :ivar split_alarm: what a data owner does when gradients look as if the provider hijacked the
        training: off, warn or stop, see :mod:`fl_node.split.leakage.alarm`
    """

    chain: str
    store: str
    federation: str = ""
    plan: str = ""
    data: str = "mnist"
    threads: int = 0
    local_nodes: int = 1
    keystore: str = ""
    owner_keystore: str = ""
    password_file: str = ""
    keep_rounds: int = 0
    checkpoint_epochs: int = 1
    split_alarm: str = "off"


def settings_folder(folder: Path | None, host: str) -> Path:
    """Find the folder of a host's settings: one that has them itself, or a network's part of it.

    :param folder: as the user named it; None is the current one. Then the network is looked at
        that `make devnet` makes in it
    :param host: such as ``header`` or ``node-1``
    :raises SettingsError: for a network that has other hosts only
    """
    named = folder or Path()
    places = [named, named / DEVNET]
    candidates = [found for place in places for found in (place, place / host)]
    found = next((each for each in candidates if (each / FILE_NAME).is_file()), None)
    for place in places if found is None else ():
        hosts = sorted(each.parent.name for each in place.glob(f"*/{FILE_NAME}"))
        if hosts:
            raise SettingsError(f"there is no host {host} in {place}; there are {', '.join(hosts)}")
    return found or named


def load_settings(
    folder: Path,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings of a folder; environment and flags go before its file.

    :raises SettingsError: for no file, one that cannot be read, an unknown or a missing key
    """
    values = _from_file(folder / FILE_NAME) | _from_environment(environment)
    values |= {key: value for key, value in (flags or {}).items() if value is not None}
    known = {each.name: each.type for each in fields(Settings)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise SettingsError(
            f"unknown setting {unknown[0]!r}; there are: {', '.join(sorted(known))}"
        )
    missing = [each.name for each in fields(Settings) if each.default is MISSING]
    missing = [key for key in missing if key not in values]
    if missing:
        raise SettingsError(f"{folder / FILE_NAME} should set {', '.join(missing)}: add it there")
    return Settings(**{key: _typed(key, values[key], known[key]) for key in values})


def save_settings(folder: Path, settings: Settings) -> None:
    """Write a folder's settings file, whole or not at all, without what equals its default.

    :raises SettingsError: when it cannot be written
    """
    said = {each.name: getattr(settings, each.name) for each in fields(settings)}
    told = {each.name for each in fields(settings) if said[each.name] != each.default}
    lines = [f"{key} = {_toml(value)}" for key, value in said.items() if key in told]
    try:
        write_atomically(folder / FILE_NAME, ["\n".join([*lines, ""]).encode()])
    except OSError as error:
        raise SettingsError(f"cannot write {folder / FILE_NAME}: {error.strerror}") from error


def _toml(value: str | int) -> str:
    """Write a value as TOML 1.0 does: JSON's escapes but for DEL, and no surrogates."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(path.read_bytes())
    except FileNotFoundError as error:
        raise SettingsError(
            f"no federation here: {path.absolute()} does not exist; name its folder with --folder, "
            "or make a network with flnode devnet up"
        ) from error
    except (OSError, TomlError) as error:
        raise SettingsError(f"{path} cannot be read as TOML: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX) and name not in _NOT_SETTINGS
    }


def _typed(key: str, value: Any, wanted: Any) -> Any:
    if wanted is int and isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if type(value) is not wanted:
        raise SettingsError(f"setting {key!r} must be {wanted.__name__}, found {value!r}")
    if wanted is int and value < 0:
        raise SettingsError(f"setting {key!r} must be 0 or more, found {value}")
    return value
