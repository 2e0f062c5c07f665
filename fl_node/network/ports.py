"""Ports for a host's daemons: the usual ones, or the next that are free."""

import errno
import socket
from collections.abc import Mapping, Set

from fl_node.errors import NetworkError
from fl_node.network.host import Host, Ports

USUAL = Ports(rpc=8545, p2p=30303, api=5001, swarm=4001)
_LOOPBACK = "127.0.0.1"
_TRIES = 1000


def is_free(address: str, port: int) -> bool:
    """Say whether a daemon could listen there now.

    :raises NetworkError: when this machine does not have the address
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise NetworkError(
                    f"this machine does not have the address {address}: is the folder on its host?"
                ) from error
            return False
    return True


def free_ports(names: list[str], keep: Mapping[str, Ports]) -> dict[str, Ports]:
    """Give ports for hosts that are all on this machine.

    :param keep: what they had, kept where it is free; else the next that is free follows
    """
    found: dict[str, Ports] = {}
    taken: set[int] = set()
    for place, name in enumerate(names):
        wanted = keep.get(name) or Ports(*(port + place for port in USUAL.all()))
        chosen: list[int] = []
        for port in wanted.all():
            chosen.append(_next_free(port, taken))
            taken.add(chosen[-1])
        found[name] = Ports(*chosen)
    return found


def require_free(host: Host) -> None:
    """See that a host's own ports are free.

    :raises NetworkError: when one is not: other hosts know the number, so it cannot move
    """
    ports = host.ports
    for address, port in (
        (_LOOPBACK, ports.rpc),
        (_LOOPBACK, ports.api),
        (host.address, ports.p2p),
        (host.address, ports.swarm),
    ):
        if not is_free(address, port):
            raise NetworkError(
                f"{host.name} needs port {port} on {address}, which is taken: "
                "end what listens there"
            )


def _next_free(wanted: int, taken: Set[int]) -> int:
    for port in range(wanted, min(wanted + _TRIES, 65536)):
        if port not in taken and is_free(_LOOPBACK, port):
            return port
    raise NetworkError(f"no port from {wanted} on is free on this machine")
