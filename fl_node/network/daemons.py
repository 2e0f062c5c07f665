"""The daemons that a network runs, each pinned to one version by a Go module."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

Say = Callable[[str], None]
"""Takes a line of progress."""

_GO_DIRECTIVE = re.compile(r"^go (\d+)\.(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Daemon:
    """A program in Go and the module that pins it.

    :ivar name: of the program
    :ivar package: the Go package that builds it
    :ivar folder: of the module, in the checkout
    :ivar variable: the environment variable by which a user gives a binary of their own
    :ivar ask_version: the arguments that make it tell its version
    :ivar build_flags: what its build needs beyond what all have
    """

    name: str
    version: str
    package: str
    folder: str
    variable: str
    ask_version: tuple[str, ...]
    build_flags: tuple[str, ...] = ()

    def module(self) -> Path:
        """Give the folder with ``go.mod`` and ``go.sum``: in the wheel, or in the checkout."""
        packaged = Path(str(files("fl_node.network"))) / "modules" / self.folder
        return packaged if packaged.is_dir() else Path(__file__).parents[2] / self.folder

    def least_go(self) -> tuple[int, int]:
        """Give the oldest Go that the module takes, as its ``go`` line says."""
        found = _GO_DIRECTIVE.search((self.module() / "go.mod").read_text())
        assert found is not None, self.folder  # noqa: S101  the file is ours
        return int(found[1]), int(found[2])


# The linker refuses what a dependency of Geth takes from Go's runtime, unless told not to look.
_NO_LINKNAME_CHECK = ("-ldflags=-checklinkname=0",)
_GETH = "github.com/ethereum/go-ethereum/cmd/geth"

GETH = Daemon(
    name="geth",
    version="1.13.15",
    package=_GETH,
    folder="geth",
    variable="FLNODE_GETH",
    ask_version=("version",),
    build_flags=_NO_LINKNAME_CHECK,
)
CURRENT_GETH = Daemon(
    name="geth",
    version="1.17.0",
    package=_GETH,
    folder="geth/current",
    variable="FLNODE_CURRENT_GETH",
    ask_version=("version",),
    build_flags=_NO_LINKNAME_CHECK,
)
IPFS = Daemon(
    name="ipfs",
    version="0.40.1",
    package="github.com/ipfs/kubo/cmd/ipfs",
    folder="ipfs",
    variable="FLNODE_IPFS",
    ask_version=("version", "--number"),
)
