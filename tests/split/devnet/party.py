"""A party as a process: the real command, wired to kill itself or to lie where it is told to."""

import os
import sys
from pathlib import Path

from fl_node.split.record.phase import Party
from tests.crash.fuse import Fuse


def warm_up() -> None:
    """Import all that takes long, and start nothing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    import fl_node.cli
    import fl_node.split.roles  # noqa: F401


def play(command: list[str], host: str, due: dict[str, int], marks: str, misdeed: str) -> None:
    """Run a command of flnode in this process.

    :param due: see :mod:`tests.split.devnet.wiring`
    :param misdeed: see :mod:`tests.split.devnet.misdeeds`; empty for an honest party
    """
    from fl_node.cli import main
    from tests.split.devnet.misdeeds import MISDEEDS
    from tests.split.devnet.wiring import wire

    party = Party.PROVIDER if host == "header" else Party.NODE
    wire(Fuse(host, due, Path(marks)), party)
    if misdeed:
        MISDEEDS[misdeed](party)
    sys.argv = ["flnode", *command]
    main()
