"""Where a network's owner keeps its facts, and how they reach the hosts on this machine."""

from dataclasses import dataclass, replace
from pathlib import Path

from fl_node.config import load_settings, save_settings
from fl_node.errors import NetworkError
from fl_node.network import geth, kubo
from fl_node.network.build import find_daemon
from fl_node.network.create import Site
from fl_node.network.daemons import IPFS, Say
from fl_node.network.devnet import up
from fl_node.network.folder import hand_over, write_host
from fl_node.network.host import (
    NETWORK_FILE,
    Network,
    Ports,
    holds_network,
    load_network,
)
from fl_node.network.machine import host_up, own_host
from fl_node.network.membership import Change, add_host, on_one_machine, remove_host
from fl_node.network.ports import USUAL, free_ports
from fl_node.network.private import keep, private_folder
from fl_node.network.supervision import processes

_JOINING = "joining"


@dataclass(frozen=True)
class Desk:
    """A network's facts: in its own folder, or in the folder of the owner's host.

    :ivar home: the owner's host
    :ivar folder: holds the facts, and the folders of hosts that join
    """

    home: Path
    folder: Path

    @property
    def apart(self) -> bool:
        """Whether the folder is in the owner's host, and not the other way around."""
        return self.home.resolve() in self.folder.resolve().parents

    @property
    def shared(self) -> bool:
        """Whether all hosts are in this folder, on this machine."""
        return not self.apart and on_one_machine(self.network)

    @property
    def network(self) -> Network:
        """Read the facts."""
        return load_network(self.folder)

    def admit(self, name: str, address: str | None, say: Say) -> Change | None:
        """Write the folder of a host that joins; None when it is in the network already.

        :param address: where it will be; None on a network whose hosts are all on this machine
        :raises FlnodeError: when its folder cannot be made
        """
        network = self.network
        if any(each.name == name for each in network.hosts):
            return None
        site = self._site(network, name, address)
        change = add_host(self.folder, name, site, find_daemon(IPFS, say))
        if self.shared:
            self._introduce(name)
        self._bring_home(change.network)
        return change

    def expel(self, name: str) -> Change | None:
        """Take a host out and draw a new swarm key; None when it is not in the network."""
        if all(each.name != name for each in self.network.hosts):
            return None
        change = remove_host(self.folder, name)
        self._bring_home(change.network)
        return change

    def runs(self) -> Path | None:
        """Say which folder daemons of this network run from on this machine."""
        return next((each for each in (self.folder, self.home) if processes(each)), None)

    def restart(self, running: Path | None, say: Say) -> None:
        """Let the daemons that ran on this machine go on with the facts of today."""
        if running == self.home:
            host_up(self.home, say, patience_seconds=0)  # the new host is not there yet
        elif running is not None:
            up(self.folder, say)

    def _site(self, network: Network, name: str, address: str | None) -> Site:
        if address is None and not self.shared:
            raise NetworkError(
                f"{name} will be on another machine: give its IPv4 address with --address"
            )
        place = address or network.hosts[0].address
        if all(host.address != place for host in network.hosts):
            return Site(place, USUAL)
        return Site(place, free_ports([name], {name: _next(network)})[name])

    def _introduce(self, name: str) -> None:
        """Tell a new host on this machine which federation the owner's host belongs to."""
        ours = load_settings(self.home, environment={})
        theirs = load_settings(self.folder / name, environment={})
        save_settings(
            self.folder / name,
            replace(theirs, federation=ours.federation, plan=ours.plan, data=ours.data),
        )

    def _bring_home(self, network: Network) -> None:
        """Bring the owner's host in line where its folder is apart from the network's."""
        if not self.apart:
            return
        hand_over(self.folder, self.home)
        write_host(network, own_host(self.home)[1], self.home, local_nodes=1)


def desk_of(home: Path) -> Desk | None:
    """Find the facts of the network that a host is part of; None when it is part of none."""
    if not holds_network(home):
        return None
    folder = home.resolve().parent
    if holds_network(folder):
        return Desk(home, folder)
    return Desk(home, _own_desk(home))


def _own_desk(home: Path) -> Path:
    """Make a folder in the owner's host that is to new hosts what the network's is."""
    desk = private_folder(home / _JOINING)
    for source, name in (
        (home / NETWORK_FILE, NETWORK_FILE),
        (home / geth.GENESIS, geth.GENESIS),
        (home / kubo.FOLDER / kubo.SWARM_KEY, kubo.SWARM_KEY),
    ):
        keep(desk / name, source.read_bytes())
    return desk


def _next(network: Network) -> Ports:
    """Give ports beyond those of all hosts."""
    used = [host.ports.all() for host in network.hosts]
    return Ports(*(max(column) + 1 for column in zip(*used, strict=True)))
