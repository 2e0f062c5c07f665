"""Split learning's contract on any Ethereum chain, over web3."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple

from eth_account.signers.local import LocalAccount

from fl_node.chain.connection import Connection
from fl_node.chain.contract import EthereumContract, checksum_address, create_contract
from fl_node.chain.epoch_signature import record_values
from fl_node.chain.epochs import (
    Announcement,
    EpochRecord,
    HandOver,
    LoneRecord,
    Mark,
    Session,
    SplitTerms,
)
from fl_node.chain.interface import split_session
from fl_node.chain.ledger import LedgerEvent
from fl_node.chain.session_ledger import SessionLedger
from fl_node.cid import Cid

_ZERO_ADDRESS = "0x" + "00" * 20


def deploy_session(
    connection: Connection, signer: LocalAccount, plan: Cid, provider: str, terms: SplitTerms
) -> str:
    """Create a contract for split learning; its owner is the signer. Give its address.

    :raises RevertedError: when a term is 0
    :raises LedgerError: when an argument is none that the contract takes, or the chain fails
    """
    arguments = (plan.digest, checksum_address(provider), astuple(terms))
    return create_contract(connection, signer, split_session(), arguments)


class EthereumSessionLedger(SessionLedger):
    """Split learning's contract on an Ethereum chain."""

    def __init__(
        self, connection: Connection, contract: str, signer: LocalAccount | None = None
    ) -> None:
        """Look at a contract; whether there is one shows at the first call.

        :param signer: writes are sent from this account; without one the ledger is read-only
        :raises LedgerError: when the address is none
        """
        self._contract = EthereumContract(connection, split_session(), contract, signer)
        self.contract = self._contract.address
        self.account = self._contract.account
        self.chain_id = self._contract.chain_id

    def plan(self) -> Cid:
        """Name the plan."""
        return Cid(bytes(self._contract.read("plan")))

    def owner(self) -> str:
        """Give the account that deployed the contract."""
        return str(self._contract.read("owner"))

    def provider(self) -> str:
        """Give the account that trains the upper part."""
        return str(self._contract.read("provider"))

    def provider_since(self) -> int:
        """Say when the provider announced itself first."""
        return int(self._contract.read("providerSince"))

    def terms(self) -> SplitTerms:
        """Read the terms."""
        return SplitTerms(*self._contract.read("terms"))

    def session(self, node: int) -> Session | None:
        """Look up a registered node."""
        found = self._contract.read_record("session", node)
        if found["account"] == _ZERO_ADDRESS:
            return None
        return Session(
            node=node,
            account=checksum_address(found["account"]),
            epochs=found["epochs"],
            since=found["since"],
            by_provider=Mark(found["byProvider"]),
            by_node=Mark(found["byNode"]),
        )

    def history(self) -> bytes:
        """Give the running digest over everything that happened."""
        return bytes(self._contract.read("history"))

    def events(self) -> Sequence[LedgerEvent]:
        """Give all events since the creation, as the chain has them now."""
        return self._contract.events()

    def head(self) -> bytes:
        """Give the newest block's hash."""
        return self._contract.head()

    def now(self) -> float:
        """Give the time by which the next block will judge deadlines."""
        return self._contract.now()

    def settle(self) -> bool:
        """Send own writes again that a re-ordering took out.

        :returns: whether all are deep enough
        """
        return self._contract.settle()

    def announce(self, announcement: Announcement) -> None:
        """Say how this account's party is reached, and which keys are its own."""
        self._contract.send(
            "announce",
            announcement.node,
            announcement.key,
            announcement.certificate,
            announcement.endpoint.encode(),
            announcement.expires,
        )

    def record_epoch(
        self, record: EpochRecord, node_signature: bytes, provider_signature: bytes
    ) -> None:
        """Record a node's next epoch, which both parties have signed."""
        values = record_values(record)
        self._contract.send("recordEpoch", values, node_signature, provider_signature)

    def record_alone(self, record: LoneRecord) -> None:
        """Record a node's next epoch without the other side; a dispute may follow silence."""
        self._contract.send(
            "recordAlone",
            record.node,
            record.epoch,
            record.steps,
            record.root,
            record.records.digest,
            record.checkpoint,
            record.first_difference,
        )

    def hand_on(self, hand_over: HandOver) -> None:
        """Hand this account's lower part to another node, or to every other one."""
        named = (hand_over.from_node, hand_over.to_node, hand_over.epoch)
        self._contract.send("handOn", *named, hand_over.weights.digest)

    def register_nodes(self, accounts: Mapping[int, str]) -> None:
        """Admit nodes; their transactions may share a block."""
        members = [(node, checksum_address(account)) for node, account in accounts.items()]
        if members:
            self._contract.send_all("registerNode", members)

    def remove_node(self, node: int) -> None:
        """Remove a node; what was recorded of it stays."""
        self._contract.send("removeNode", node)

    def set_provider(self, account: str) -> None:
        """Let another account train the upper part, from now on."""
        self._contract.send("setProvider", checksum_address(account))
