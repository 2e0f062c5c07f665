"""Sealers vote on sealers (EIP-225): those of hosts whose daemons run on this machine."""

import time
from collections.abc import Mapping
from pathlib import Path

from fl_node.config import FILE_NAME
from fl_node.errors import NetworkError
from fl_node.network.machine import own_host
from fl_node.network.sealers import sealers_of
from fl_node.network.sealers import vote as vote_of_host
from fl_node.network.supervision import processes

_POLL_SECONDS = 0.2


def voters(homes: Mapping[str, Path]) -> dict[str, Path]:
    """Find the hosts whose daemons run here: name to the folder that they run from."""
    found = {}
    for home in (each for each in homes.values() if (each / FILE_NAME).is_file()):
        for running in (home, home.resolve().parent):
            if processes(running):
                found[own_host(home)[1].name] = running
                break
    return found


def vote(hosts: Mapping[str, Path], sealer: str, *, seals: bool, seconds: float) -> bool:
    """Let hosts vote for or against a sealer; say whether it is decided within some time.

    :param hosts: as `voters` gives them
    :raises NetworkError: when there are none
    """
    if not hosts:
        raise NetworkError("no daemons run here that could vote: start them first")
    for name, folder in hosts.items():
        vote_of_host(folder, name, sealer, seals=seals)
    name, folder = next(iter(hosts.items()))
    deadline = time.monotonic() + seconds
    while (sealer.lower() in map(str.lower, sealers_of(folder, name))) is not seals:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
