"""Find a daemon's binary, or build it from its pinned modules into the cache."""

import os
import platform
import shutil
import subprocess
import time
from collections import deque
from pathlib import Path

from fl_node.cache import cache_folder
from fl_node.errors import DaemonError
from fl_node.network.daemons import Daemon, Say
from fl_node.network.locked import locked
from fl_node.network.toolchain import find_go, last_line

_LOCK_SECONDS = 1800.0
_ASK_SECONDS = 60.0
_SAY_EVERY_SECONDS = 5.0
_KEPT_LINES = 20


def find_daemon(daemon: Daemon, say: Say, given: Path | None = None) -> Path:
    """Give a daemon's binary: the user's, PATH's of the pinned version, the cache's, or a new one.

    :param given: the user's; else what the environment variable names, if it is set
    :raises DaemonError: when the user's does not run, or there is none and none can be built
    """
    named = given or _named(daemon)
    if named is not None:
        return _checked(daemon, named, say)
    on_path = shutil.which(daemon.name)
    if on_path and version_of(daemon, Path(on_path)) == daemon.version:
        return Path(on_path)
    cached = cached_place(daemon)
    if not cached.is_file():
        _build_once(daemon, cached, say)
    return cached


def cached_place(daemon: Daemon) -> Path:
    """Say where the cache keeps the binary that was built on a machine like this."""
    machine = f"{platform.system()}-{platform.machine()}".lower()
    return cache_folder() / "daemons" / f"{daemon.name}-{daemon.version}-{machine}"


def version_of(daemon: Daemon, binary: Path) -> str | None:
    """Ask a binary for its version; None when it does not answer as this daemon does."""
    asked = [str(binary), *daemon.ask_version]
    try:
        done = subprocess.run(  # noqa: S603
            asked, capture_output=True, text=True, timeout=_ASK_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    for line in done.stdout.splitlines():
        key, _, value = line.rpartition(":")
        if key in ("", "Version"):
            word = value.strip().partition("-")[0]
            if word[:1].isdigit():
                return word
    return None


def _named(daemon: Daemon) -> Path | None:
    value = os.environ.get(daemon.variable)
    return Path(value).expanduser() if value else None


def _checked(daemon: Daemon, named: Path, say: Say) -> Path:
    found = version_of(daemon, named)
    if found is None:
        raise DaemonError(
            f"{daemon.name} was asked to be {named}, which does not tell its version: "
            f"see that it runs, or unset {daemon.variable}"
        )
    if found != daemon.version:
        say(f"{named} is {daemon.name} {found}; flnode is tested with {daemon.version}")
    return named.absolute()


def _build_once(daemon: Daemon, place: Path, say: Say) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = place.with_name(f"{place.name}.lock")
    with locked(lock, f"{daemon.name} {daemon.version}", _LOCK_SECONDS):
        if not place.is_file():  # another process may have been faster
            _build(daemon, place, say)


def _build(daemon: Daemon, place: Path, say: Say) -> None:
    go = find_go(daemon, say)
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    what = f"building {daemon.name} {daemon.version}"
    say(f"{what} into {place.parent}: once, a minute or two")
    command = [str(go), "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false"]
    command += [*daemon.build_flags, "-o", str(temporary), daemon.package]
    try:
        _run(daemon, command, what, say)
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


def _run(daemon: Daemon, command: list[str], what: str, say: Say) -> None:
    started = said = time.monotonic()
    last: deque[str] = deque(maxlen=_KEPT_LINES)
    with subprocess.Popen(  # noqa: S603
        command,
        cwd=daemon.module(),
        env=_build_environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stderr is not None  # noqa: S101  it is a pipe
        for line in process.stderr:
            last.append(line)
            if time.monotonic() - said > _SAY_EVERY_SECONDS:
                said = time.monotonic()
                say(f"{what}: {said - started:.0f} s, {line.strip()}")
    if process.returncode != 0:
        raise DaemonError(
            f"{daemon.name} {daemon.version} could not be built ({last_line(''.join(last))}): "
            f"connect to the network once, or name a binary with {daemon.variable}"
        )
    say(f"{what}: done in {time.monotonic() - started:.0f} s")


def _build_environment() -> dict[str, str]:
    """Give this process's environment without what would change the build."""
    return os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
