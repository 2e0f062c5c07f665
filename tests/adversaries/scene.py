"""One federation in which some lie, and what honest processes and the chain say of it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from web3.exceptions import BlockNotFound, TransactionNotFound

from aggregator.audit import Audit, audit
from fl_node.chain.abi import reverted
from fl_node.chain.ethereum import EthereumLedger, deploy_contract
from fl_node.chain.rpc import RpcConnection
from fl_node.chain.timeline import Timeline, read_timeline
from fl_node.cid import Cid
from fl_node.config import load_settings
from fl_node.connect import open_chain, open_store
from fl_node.errors import RevertedError
from fl_node.federation import Federation, open_federation
from fl_node.patience import Patience
from fl_node.rounds import Terms
from tests.adversaries.stage import Actor, Stage
from tests.devnet.story import SOURCES, Role, wait_until
from tests.small_federation import initial_weights, silent, small_plan

if TYPE_CHECKING:
    from tests.adversaries.traces import Trace

_LONG_SECONDS = 300
_READINGS = 10
_FLNODE = Path(sys.executable).with_name("flnode")
OWNER, HEADER = "owner", "header"


@dataclass(frozen=True)
class Refused:
    """A transaction that is in the chain and that the contract refused."""

    sender: str
    round: int
    error: RevertedError


@dataclass
class Scene:
    """A federation on the devnet, and who plays in it.

    :ivar nodes: the number of each actor that is a node
    :ivar first_block: before which nothing of it happened
    :ivar plays: by round, the nodes whose updates are good
    :ivar liars_here: by name; whoever else is here is honest
    :ivar seen: what a scene itself has to tell
    :ivar said: everything that was said, when it was over
    :ivar globals: those of the closed rounds, when it was over
    :ivar headers: by round, who is the header in it, if it is a liar
    :ivar twins: actors that have a node's key, and its number
    """

    name: str
    stage: Stage
    actors: Mapping[str, Actor]
    nodes: Mapping[str, int]
    address: str
    first_block: int
    plays: tuple[tuple[int, ...], ...]
    roles: dict[str, Role] = field(default_factory=dict)
    liars_here: set[str] = field(default_factory=set)
    honest_roles: list[Role] = field(default_factory=list)
    seen: list["Trace"] = field(default_factory=list)
    twins: dict[str, int] = field(default_factory=dict)
    headers: dict[int, str] = field(default_factory=dict)
    said: list["Trace"] = field(default_factory=list)
    globals: list[Cid] = field(default_factory=list)

    def honest(
        self, name: str, *, evaluation_seconds: float = 0, training_seconds: float = 0
    ) -> Role:
        """Start a role of unpatched code.

        :param training_seconds: more than usual, for the first round
        """
        given = (str(self.actors[name].home), self.address, str(self.nodes.get(name, 0)))
        given += (str(evaluation_seconds), str(training_seconds))
        role = self.run(name, "tests.adversaries.honest", *given)
        self.honest_roles.append(role)
        return role

    def liars(self, *names: str) -> Role:
        """Start these liars, each a process; the lie has the liar's name."""
        self.liars_here |= set(names)
        cast = [f"{name}={self.actors[name].home}={self._number(name)}" for name in names]
        role = self.run("liars", "tests.adversaries.liar", self.address, *cast)
        wait_until(lambda: bool(role.lines), "the liars are ready")
        return role

    def command(self, name: str, *words: str) -> Role:
        """Start a command of the product, as one types it."""
        return self._run(name, [str(_FLNODE), *words], FLNODE_FEDERATION=self.address)

    def _number(self, name: str) -> int:
        return self.twins.get(name, self.nodes.get(name, 0))

    def run(self, name: str, module: str, *given: str) -> Role:
        """Start a module."""
        return self._run(name, [sys.executable, "-m", module, *given])

    def _run(self, name: str, command: list[str], **environment: str) -> Role:
        log = self.stage.folder / self.name / f"{name}-{len(self.roles)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, stdout=stream, stderr=stream, cwd=SOURCES, env=os.environ | environment
            )
        role = Role(name, log, process)
        self.roles[log.stem] = role
        return role

    def open(self) -> None:
        """Let the owner put global 0 when all honest roles are there and wait for it."""
        wait_until(lambda: all(role.lines for role in self.honest_roles), "all honest roles wait")
        ledger = self.ledger(OWNER)
        ledger.set_global_weight(0, initial_weights().cid(), None, self.timeline.history)

    def wait_for_round(self, number: int) -> None:
        wait_until(lambda: self.timeline.open_number >= number, f"round {number}", _LONG_SECONDS)

    def stop(self) -> None:
        for role in self.roles.values():
            role.kill()

    def ledger(self, name: str) -> EthereumLedger:
        """Open the contract as this actor."""
        home = self.actors[name].home
        chain = open_chain(home, load_settings(home, environment={}))
        return EthereumLedger(chain, self.address, self.actors[name].signer())

    @cached_property
    def view(self) -> Federation:
        """What somebody sees who only reads, through the first honest actor's daemons."""
        home = self.actors[HEADER].home
        settings = load_settings(home, environment={"FLNODE_FEDERATION": self.address})
        chain = open_chain(home, settings)
        return Patience(silent).until(
            lambda: open_federation(EthereumLedger(chain, self.address), open_store(home, settings))
        )

    @property
    def timeline(self) -> Timeline:
        return Patience(silent).until(lambda: read_timeline(self.view.ledger)[1])

    @cached_property
    def audit(self) -> Audit:
        return audit(self.view, silent)

    def actor_of(self, account: str) -> str:
        return next(name for name, each in self.actors.items() if each.account == account)

    def name_of(self, node: int) -> str:
        return next(name for name, number in self.nodes.items() if number == node)

    @cached_property
    def refused(self) -> list[Refused]:
        """Every transaction to the contract that failed, and with which of its errors."""
        for _ in range(_READINGS):
            with suppress(BlockNotFound, TransactionNotFound):
                return list(self._refused())
            time.sleep(1)
        raise AssertionError("the newest blocks were re-ordered whenever they were read")

    def _refused(self) -> Iterator[Refused]:
        home = self.actors[HEADER].home
        connection = open_chain(home, load_settings(home, environment={}))
        assert isinstance(connection, RpcConnection)
        accounts = {each.account.lower(): name for name, each in self.actors.items()}
        opened = self._openings()
        for number in range(self.first_block, connection.web3.eth.block_number + 1):
            for sender, receipt in self._failed(connection, number):
                round_ = sum(block < number for block in opened)
                error = reverted(connection.revert_data(receipt))
                yield Refused(accounts[sender], round_, error)

    def _failed(self, connection: RpcConnection, number: int) -> Iterator[tuple[str, Any]]:
        eth = connection.web3.eth
        for name in eth.get_block(number)["transactions"]:
            receipt = eth.get_transaction_receipt(name)
            sent = eth.get_transaction(name) if receipt["status"] == 0 else {}
            if str(sent.get("to")).lower() == self.address.lower():
                yield sent["from"].lower(), receipt

    def _openings(self) -> list[int]:
        """Give the blocks that opened a round for the first time."""
        blocks: dict[int, int] = {}
        for event in self.view.ledger.events():
            if event.kind == "GlobalWeightSet":
                blocks.setdefault(event.values["round"], event.block)
        return sorted(blocks.values())


def deployed(
    stage: Stage,
    name: str,
    hosts: Mapping[str, str],
    nodes: Sequence[str],
    terms: Terms,
    plays: tuple[tuple[int, ...], ...],
    **plan: Any,
) -> Scene:
    """Hire the cast and deploy a federation; round 1 is not open yet.

    :param hosts: every actor but the owner, and whose daemons it uses
    :param nodes: the actors that are nodes, from 1 on
    :param plays: by round, the nodes whose updates are good
    """
    actors = stage.hire(name, {OWNER: "header"} | dict(hosts))
    home = actors[OWNER].home
    settings = load_settings(home, environment={})
    chain, store = open_chain(home, settings), open_store(home, settings)
    store.put(initial_weights().pieces())
    numbers = {each: number for number, each in enumerate(nodes, 1)}
    first_block = chain.web3.eth.block_number
    drafted = small_plan(**{"fetch_timeout_seconds": 12} | plan)
    published = store.put([drafted.encode()])
    owner, header = actors[OWNER].signer(), actors[HEADER].account
    address = deploy_contract(chain, owner, published, drafted.initial, header, terms)
    members = {number: actors[each].account for each, number in numbers.items()}
    EthereumLedger(chain, address, owner).register_nodes(members)
    return Scene(name, stage, actors, numbers, address, first_block, plays)
