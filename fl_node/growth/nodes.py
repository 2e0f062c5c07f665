"""A node joins or leaves: chain, folders and daemons, in an order that can be broken off anywhere.

Called again, each does what is still to be done.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fl_node.chain.accounts import lock_account
from fl_node.chain.connection import Connection
from fl_node.chain.ethereum import EthereumLedger, checksum_address
from fl_node.chain.ledger import Ledger
from fl_node.chain.timeline import read_timeline
from fl_node.chain.vitals import Vitals
from fl_node.config import FILE_NAME, Settings, load_settings
from fl_node.connect import open_chain, open_signer, open_store
from fl_node.errors import NetworkError
from fl_node.federation import open_federation
from fl_node.growth.desk import Desk, desk_of
from fl_node.growth.registry import fund, register, revoke
from fl_node.growth.votes import vote, voters
from fl_node.hosts import homes_of
from fl_node.network import kubo
from fl_node.network.daemons import Say
from fl_node.network.host import NETWORK_FILE, Host, Network, node_of
from fl_node.network.machine import own_host
from fl_node.network.sealers import sealers_of
from fl_node.training.builtin import BUILT_IN

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

_VOTE_SECONDS = 30.0


@dataclass(frozen=True)
class Added:
    """What was done for a node that joins.

    :ivar funded_wei: what the owner sent to its account now
    :ivar registered: whether the contract took it in now
    :ivar folder: of its host; None when its account is its own affair
    :ivar steps: what is left for people to do, in order
    """

    node: int
    account: str
    funded_wei: int
    registered: bool
    folder: Path | None
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Removed:
    """What was done about a node that leaves.

    :ivar revoked: whether the contract threw it out now
    :ivar reopened: the round that was restarted without it, if one was
    :ivar voted_out: whether its sealer makes no more blocks; None when it has none
    :ivar steps: what is left for people to do, in order
    """

    node: int
    revoked: bool
    reopened: int | None
    voted_out: bool | None
    steps: tuple[str, ...]


@dataclass(frozen=True)
class _Office:
    """The owner's host, opened."""

    home: Path
    settings: Settings
    owner: "LocalAccount"
    chain: Connection

    def ledger(self) -> EthereumLedger:
        return EthereumLedger(self.chain, self.settings.federation, self.owner)


def add_node(home: Path, node: int, account: str | None, address: str | None, say: Say) -> Added:
    """Admit a node: write its host's folder, fund its account, register it.

    :param home: the folder of the owner's host
    :param account: of a node that has one; None makes a host in the private network
    :param address: where that host will be; None on a network that is all on this machine
    :raises FlnodeError: when the chain is away, the owner cannot pay, or the number is taken
    """
    office, desk = _open(home), desk_of(home)
    name = f"node-{node}"
    if account is None:
        account = _admit(desk, home, name, address, say)
        folder = desk.folder / name if desk else None
    else:
        account, folder = checksum_address(account), None
    with lock_account(office.owner.address):
        funded = fund(office.chain, office.owner, account) if desk else 0
        federated = bool(office.settings.federation)
        registered = register(office.ledger(), node, account) if federated else False
    if desk and folder:
        desk.restart(desk.runs(), say)
        _say_what_data(office, folder, node, say)
    steps = _joining_steps(desk, office.settings, folder)
    return Added(node, account, funded, registered, folder, steps)


def remove_node(home: Path, node: int, say: Say, *, reopen: bool = False) -> Removed:
    """Revoke a node; on a private network vote its sealer out and draw a new swarm key.

    :param home: the folder of the owner's host
    :param reopen: restart the open round if it waits for the node; updates so far are sent again
    :raises FlnodeError: when the chain is away, or there is no such node
    """
    office, desk = _open(home), desk_of(home)
    host = _host_of(desk, f"node-{node}")
    revoked, reopened = False, None
    steps: tuple[str, ...] = ()
    if office.settings.federation:
        with lock_account(office.owner.address):
            revoked = revoke(office.ledger(), node)
            reopened, steps = _reopen(office.ledger(), node, reopen)
    if desk is None or host is None:
        if not revoked and reopened is None:
            raise NetworkError(f"there is no node {node} here: see flnode status")
        return Removed(node, revoked, reopened, None, steps)
    voted_out = _vote_out(desk, host, say)
    running = desk.runs()
    desk.expel(host.name)
    desk.restart(running, say)
    steps += _leaving_steps(desk, host, voted_out)
    return Removed(node, revoked, reopened, voted_out, steps)


def _reopen(ledger: Ledger, node: int, wanted: bool) -> tuple[int | None, tuple[str, ...]]:
    """Restart the open round where it was opened with the node, or say that it waits for it."""
    timeline = read_timeline(ledger)[1]
    if timeline.open_round is None or node not in timeline.open_round.members:
        return None, ()
    number = timeline.open_number
    if wanted:
        ledger.reopen(number)
        return number, ()
    restart = f"flnode nodes remove {node} --reopen"
    return None, (f"round {number} waits for it until its deadline, unless you do: {restart}",)


def _host_of(desk: Desk | None, name: str) -> Host | None:
    if desk is None:
        return None
    return next((each for each in desk.network.hosts if each.name == name), None)


def number_of(text: str) -> int:
    """Read a node's number, or its host's name.

    :raises NetworkError: when it is neither
    """
    name = f"node-{text}" if text.isdecimal() else text
    node = node_of(name)
    if node is None:
        raise NetworkError("the header is no node: name a number, or a host such as node-3")
    return node


def _open(home: Path) -> _Office:
    settings = load_settings(home)
    chain = open_chain(home, settings)
    Vitals(chain).chain_id()  # nothing is written while the chain is away
    return _Office(home, settings, open_signer(home, settings, "owner_keystore"), chain)


def _admit(desk: Desk | None, home: Path, name: str, address: str | None, say: Say) -> str:
    if desk is None:
        raise NetworkError(f"{home} is no host of a private network: give the node's --account")
    change = desk.admit(name, address, say)
    if change:
        say(f"wrote {desk.folder / name}")
    return desk.network.host(name).account


def _say_what_data(office: _Office, folder: Path, node: int, say: Say) -> None:
    """Say where a joining node's data have to be named: a built-in set is cut for those before."""
    source = load_settings(folder, environment={}).data
    if not office.settings.federation or source not in BUILT_IN:
        return
    store = open_store(office.home, office.settings)
    nodes = open_federation(office.ledger(), store).plan.nodes
    if node > nodes:
        say(
            f"{source} is cut into {nodes} parts, none for node {node}: name data of its own in "
            f"{folder / FILE_NAME}"
        )


def _vote_out(desk: Desk, host: Host, say: Say) -> bool:
    """Let the sealers that stay, as far as they run here, vote against the one that leaves."""
    staying = {n: place for n, place in voters(_homes(desk)).items() if n != host.name}
    if not staying:
        return False
    name, folder = next(iter(staying.items()))
    sealers = sealers_of(folder, name)
    if host.sealer.lower() not in map(str.lower, sealers):
        return True
    say(f"voting sealer {host.sealer} out")
    enough = 2 * len(staying) > len(sealers)
    return vote(staying, host.sealer, seals=False, seconds=_VOTE_SECONDS if enough else 0)


def _homes(desk: Desk) -> dict[str, Path]:
    return {own_host(desk.home)[1].name: desk.home} | homes_of(desk.folder, None)


def _joining_steps(desk: Desk | None, settings: Settings, folder: Path | None) -> tuple[str, ...]:
    join = f"flnode join {settings.federation}" if settings.federation else ""
    if desk is None or folder is None:
        return (f"on its host: {join}",) if join else ()
    network = desk.network
    host = network.host(folder.name)
    vote_in = f"its sealer {host.sealer} makes blocks after: flnode nodes vote {host.sealer} in"
    if desk.shared:
        return (f"flnode train -C {folder}", vote_in)
    told = f"copy {desk.folder / NETWORK_FILE} into the folder of"
    return (
        f"copy {folder} to {host.address} and delete it here: it holds that host's keys",
        *(
            f"{told} {each}, and run ./start there"
            for each in _elsewhere(desk, network, folder.name)
        ),
        f"on {host.address}: ./start" + (f", then {join}" if join else ""),
        f"{vote_in}, on more than half of the sealing hosts",
    )


def _leaving_steps(desk: Desk, host: Host, voted_out: bool) -> tuple[str, ...]:
    network = desk.network
    against = f"flnode nodes vote {host.sealer} out"
    vote_step = () if voted_out else (f"on more than half of the sealing hosts: {against}",)
    if desk.shared:
        return vote_step
    facts, key = desk.folder / NETWORK_FILE, desk.folder / kubo.SWARM_KEY
    others = _elsewhere(desk, network, host.name)
    return (
        *vote_step,
        *(f"copy {facts} and {key} to {each}, the key into ipfs/ there" for each in others),
        *(f"then run ./start on {each}" for each in others),
        "until a host has the new key, it cannot exchange weights with those that have it",
    )


def _elsewhere(desk: Desk, network: Network, name: str) -> list[str]:
    here = own_host(desk.home)[1].name
    return [f"{e.name} ({e.address})" for e in network.hosts if e.name not in (name, here)]
