"""Liars, each a process with an account of its own and the product's code patched to lie.

Called with the federation's address, and for each liar LIE=HOME=NODE. What they have in common is
imported once; each is then forked and does its lie.
"""

import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path

from tests.adversaries.lies.registry import LIES
from tests.adversaries.lies.self_made import Liar

READY = "ready"


def main(address: str, cast: list[str]) -> None:
    named = [each.split("=") for each in cast]
    liars = {lie: Liar(Path(home), address, int(node)) for lie, home, node in named}
    _say(READY)
    _looking_out(next(iter(liars.values()))).wait_for_round(1)
    children = [_forked(lie, liar) for lie, liar in liars.items()]
    for child in children:
        os.waitpid(child, 0)


def _looking_out(liar: Liar) -> Liar:
    """Give another of the same, so that no connection is shared with a child."""
    return replace(liar)


def _forked(lie: str, liar: Liar) -> int:
    child = os.fork()
    if child:
        return child
    try:
        LIES[lie](liar)
        _say(f"{lie}: done")
    except BaseException:  # noqa: BLE001 - whatever ends a liar is for its log
        _say(f"{lie}: {traceback.format_exc()}")
    finally:
        sys.stdout.flush()
        os._exit(0)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
