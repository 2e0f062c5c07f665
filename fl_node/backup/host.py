"""What of a host goes into its backup, with its daemons at rest meanwhile."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fl_node.backup.archive import pack, unpack
from fl_node.backup.manifest import BackupError, Manifest, entry_of
from fl_node.config import FILE_NAME, Settings, load_settings
from fl_node.connect import DIRECTORY, EMBEDDED
from fl_node.network.devnet import down, up
from fl_node.network.host import holds_network
from fl_node.network.machine import host_down, host_up, own_host
from fl_node.network.supervision import processes

Say = Callable[[str], None]
"""Takes a line of progress."""

_PARTS = (
    *(FILE_NAME, "members.toml", "network.json", "genesis.json", "start"),
    *("keys", "geth", "ipfs", "cache"),
)
_UNFINISHED = "incoming"  # files that a store is just writing
_GETH_LOCK, _KUBO_LOCK = "geth/geth/LOCK", "ipfs/repo.lock"


@dataclass(frozen=True)
class Backup:
    """What was done.

    :ivar left_out: what the settings name and the backup does not hold, since it is elsewhere
    :ivar stopped: whether daemons were stopped, and started again
    """

    file: Path
    manifest: Manifest
    left_out: tuple[str, ...]
    stopped: bool


def back_up(home: Path, file: Path, say: Say) -> Backup:
    """Write a host's keys, chain, store and settings to one file.

    Daemons that run are stopped before and started again afterwards; on a devnet all of them.

    :raises BackupError: when the file is there already, or something cannot go into a backup
    :raises FlnodeError: when the folder is no host's, or daemons do not end or start
    """
    settings = load_settings(home, environment={})
    if file.exists():
        raise BackupError(f"{file} is there already: name another")
    inside, outside = _parts(home, settings)
    with _at_rest(home, say) as stopped:
        say(f"reading {home}")
        manifest = _manifest(home, inside)
        pack(home, manifest, file)
    return Backup(file, manifest, outside, stopped)


def restore(file: Path, folder: Path) -> Manifest:
    """Make a host's folder anew from its backup; nothing is started.

    :raises BackupError: when the folder is there already, or the backup is not whole
    """
    if folder.exists() or folder.is_symlink():
        raise BackupError(
            f"{folder} is there already, and nothing is restored over it: move it away"
        )
    return unpack(file, folder)


def _parts(home: Path, settings: Settings) -> tuple[list[str], tuple[str, ...]]:
    """Sort what makes a host into what is in its folder and what is elsewhere."""
    inside, outside = list(_PARTS), []
    root = Path(os.path.normpath(home.absolute()))
    for named in _named(settings):
        path = Path(os.path.normpath(root / named))
        if root in path.parents:
            inside.append(path.relative_to(root).as_posix())
        else:
            outside.append(named)
    return inside, tuple(outside)


def _named(settings: Settings) -> list[str]:
    """Give the paths in the settings, but for the data, which never leave their place."""
    places = [settings.keystore, settings.owner_keystore, settings.password_file]
    for value, kind in ((settings.chain, EMBEDDED), (settings.store, DIRECTORY)):
        places.append(value.removeprefix(kind) if value.startswith(kind) else "")
    return [place for place in places if place]


def _manifest(home: Path, parts: list[str]) -> Manifest:
    folders: set[str] = set()
    files: set[str] = set()
    for part in parts:
        if (home / part).is_symlink() or (home / part).exists():
            folders.update(parent.as_posix() for parent in Path(part).parents)
            _collect(home, part, folders, files)
    entries = tuple(entry_of(home, path) for path in sorted(files))
    name = own_host(home)[1].name if holds_network(home) else home.resolve().name
    return Manifest(name, tuple(sorted(folders - {"."})), entries)


def _collect(home: Path, path: str, folders: set[str], files: set[str]) -> None:
    place = home / path
    if place.is_symlink() or not (place.is_dir() or place.is_file()):
        raise BackupError(f"{place} is neither a file nor a folder: a backup cannot hold it")
    if place.is_file():
        files.add(path)
        return
    folders.add(path)
    for each in place.iterdir():
        if each.name != _UNFINISHED:
            _collect(home, f"{path}/{each.name}", folders, files)


@contextmanager
def _at_rest(home: Path, say: Say) -> Iterator[bool]:
    """Keep a host's daemons stopped; lends whether they ran."""
    rest = _rest_of(home, say) if holds_network(home) else None
    if rest is None:
        _require_unused(home)
        yield False
        return
    stop, start = rest
    stop()
    try:
        _require_unused(home)
        yield True
    finally:
        start()


def _rest_of(home: Path, say: Say) -> tuple[Callable[[], object], Callable[[], object]] | None:
    """Say how the daemons of a host are stopped and started; None when none run."""
    network = home.resolve().parent
    if processes(home):
        say(f"stopping the daemons of {home}; they are started again afterwards")
        return lambda: host_down(home), lambda: host_up(home, say)
    if holds_network(network) and processes(network):
        say(f"stopping all daemons of {network}; they are started again afterwards")
        return lambda: down(network), lambda: up(network, say)
    return None


def _require_unused(home: Path) -> None:
    """See that no daemon has its folder open, whoever started it.

    :raises BackupError: when one has
    """
    for lock, take in ((_GETH_LOCK, fcntl.flock), (_KUBO_LOCK, fcntl.lockf)):
        if not (home / lock).is_file():
            continue
        with (home / lock).open("r+b") as stream:
            try:
                take(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise BackupError(f"a daemon has {home / lock} open: stop it first") from error
