"""The federation's contract on any Ethereum chain, over web3."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from eth_account.signers.local import LocalAccount
from hexbytes import HexBytes

from fl_node.chain.connection import Connection

# Whoever speaks of federations takes these from here.
from fl_node.chain.contract import CALL_GAS_LIMIT as CALL_GAS_LIMIT
from fl_node.chain.contract import DEPLOY_GAS_LIMIT as DEPLOY_GAS_LIMIT
from fl_node.chain.contract import EthereumContract, create_contract
from fl_node.chain.contract import checksum_address as checksum_address
from fl_node.chain.interface import federation as federation_interface
from fl_node.chain.ledger import Ledger, LedgerEvent, Snapshot
from fl_node.chain.transaction import Sent
from fl_node.cid import Cid
from fl_node.errors import UnreachableError
from fl_node.rounds import Global, Member, Reason, RoundState, Terms, Update

_NO_DIGEST = bytes(32)
_ZERO_ADDRESS = "0x" + "00" * 20
_SNAPSHOTS = 3


def deploy_contract(
    connection: Connection, signer: LocalAccount, plan: Cid, initial: Cid, header: str, terms: Terms
) -> str:
    """Create a federation; its owner is the signer. Give the contract's address.

    :raises RevertedError: when the terms contradict each other
    :raises LedgerError: when an argument is none that the contract takes, or the chain fails
    """
    arguments = (plan.digest, initial.digest, checksum_address(header), astuple(terms))
    return create_contract(connection, signer, federation_interface(), arguments)


class EthereumLedger(Ledger):
    """A federation's contract on an Ethereum chain."""

    def __init__(
        self, connection: Connection, federation: str, signer: LocalAccount | None = None
    ) -> None:
        """Look at a contract; whether there is one shows at the first call.

        :param signer: writes are sent from this account; without one the ledger is read-only
        :raises LedgerError: when the address is none
        """
        self._contract = EthereumContract(connection, federation_interface(), federation, signer)
        # What was read last, and the newest block before: nothing has happened since if it is still
        # the newest.
        self._seen: tuple[HexBytes, Snapshot] | None = None
        self._word: Sent | None = None  # the newest attestation
        self.federation = self._contract.address
        self.account = self._contract.account
        self.chain_id = self._contract.chain_id

    def plan(self) -> Cid:
        """Name the federation's plan."""
        return Cid(bytes(self._contract.read("plan")))

    def owner(self) -> str:
        """Give the account that deployed the federation."""
        return str(self._contract.read("owner"))

    def head(self) -> bytes:
        """Give the newest block's hash."""
        return self._contract.head()

    def now(self) -> float:
        """Give the time by which the next block will judge deadlines."""
        return self._contract.now()

    def snapshot(self) -> Snapshot:
        """Read what the contract holds now; all of it at one block."""
        for _ in range(_SNAPSHOTS):
            newest = self._contract.newest()
            if self._seen is not None and self._seen[0] == newest["hash"]:
                return self._seen[1]
            found = self._snapshot(newest["number"])
            if self._contract.stands(newest):
                self._seen = newest["hash"], found
                return found
        raise UnreachableError(
            f"the newest block was replaced {_SNAPSHOTS} times while it was read: see that the "
            "chain's sealers are connected"
        )

    def _snapshot(self, block: int) -> Snapshot:
        terms = Terms(*self._contract.read("terms", block=block))
        opened = self._contract.read("state", block=block)
        state = _round_state(opened, terms)
        return Snapshot(
            round=state,
            terms=terms,
            latest=self._latest(state, block),
            history=self._contract.read("history", block=block),
            header=self._contract.read("header", block=block),
        )

    def member(self, node: int) -> Member | None:
        """Look up a registered node."""
        block = self._contract.newest()["number"]
        account = self._contract.read("node", node, block=block)[0]
        if account == _ZERO_ADDRESS:
            return None
        latest = self._local(node, block)
        return Member(node, checksum_address(account), latest["since"], latest["nextBase"])

    def local_weight(self, node: int) -> Update | None:
        """Give the node's update that stands in the open round."""
        block = self._contract.newest()["number"]
        latest = self._local(node, block)
        opened = self._contract.read("state", block=block)
        if not latest["standing"] or latest["opening"] != opened[1]:
            return None
        return Update(
            node,
            latest["round"],
            latest["base"],
            Cid(latest["weights"]),
            latest["samples"],
            latest["attempts"],
        )

    def events(self) -> Sequence[LedgerEvent]:
        """Give all events since the creation, as the chain has them now."""
        return self._contract.events()

    def settle(self) -> bool:
        """Send own writes again that a re-ordering took out, and forget those that are deep enough.

        :returns: whether all are
        """
        return self._contract.settle()

    def set_local_weight(self, update: Update) -> None:
        """Record an update for the open round."""
        digest = update.weights.digest
        self._send("setLocalWeight", update.node, update.round, update.base, digest, update.samples)

    def reject_local_weight(
        self, node: int, update_round: int, weights: Cid, reason: Reason
    ) -> None:
        """Take an inadmissible update out of the open round."""
        self._send("rejectLocalWeight", node, update_round, weights.digest, int(reason))

    def set_global_weight(
        self, number: int, weights: Cid, report: Cid | None, history: bytes
    ) -> None:
        """Close a round with its global, over exactly the history that was read."""
        written = report.digest if report else _NO_DIGEST
        self._send("setGlobalWeight", number, weights.digest, written, history)

    def attest(self, node: int, number: int, weights: Cid, history: bytes) -> None:
        """State which weights this node computed for a global, without waiting for a block."""
        arguments = (node, number, weights.digest, history)
        if self._contract.settles_at_once:
            self._send("attest", *arguments)
            return
        if self._word is None or not self._contract.is_under_way(self._word):
            (self._word,) = self._contract.send_all("attest", [arguments], waits=False)

    def register_nodes(self, accounts: Mapping[int, str]) -> None:
        """Admit nodes; their transactions may share a block."""
        members = [(node, checksum_address(account)) for node, account in accounts.items()]
        if members:
            self._contract.send_all("registerNode", members)

    def replace_node(self, node: int, account: str) -> None:
        """Give a node another account, at once."""
        self._send("replaceNode", node, checksum_address(account))

    def remove_node(self, node: int) -> None:
        """Remove a node and withdraw its update from the open round."""
        self._send("removeNode", node)

    def set_header(self, account: str) -> None:
        """Make another account the header, at once."""
        self._send("setHeader", checksum_address(account))

    def set_terms(self, terms: Terms) -> None:
        """Change the terms from the next opening on."""
        self._send("setTerms", astuple(terms))

    def extend(self, rounds: int) -> None:
        """Raise the number of the last round."""
        self._send("extend", rounds)

    def reopen(self, number: int) -> None:
        """Restart the open round, or one whose global is not final, from the same base."""
        self._send("reopen", number)

    def _latest(self, state: RoundState, block: int) -> Global:
        if state.number == 0:  # the view reverts until the owner has put global 0
            return Global(0, Cid(self._contract.read("initial", block=block)), None)
        number, weights, report = self._contract.read("getGlobalWeight", block=block)
        return Global(number, Cid(weights), Cid(report) if any(report) else None)

    def _local(self, node: int, block: int) -> dict[str, Any]:
        return self._contract.read_record("getLocalWeight", node, block=block)

    def _send(self, function: str, *arguments: object) -> None:
        self._contract.send(function, *arguments)


def _round_state(opened: tuple[Any, ...], terms: Terms) -> RoundState:
    number, opening, members, received, attested, opened_at, closable_at, finalized, _ = opened
    return RoundState(
        number=number,
        opening=opening,
        members=members,
        received=received,
        attested=attested,
        opened_at=opened_at,
        closable_at=closable_at,
        final=finalized or attested >= terms.finality,
    )
