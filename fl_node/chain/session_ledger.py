"""What split learning's contract does, whatever chain it lives on."""

from abc import abstractmethod
from collections.abc import Mapping

from fl_node.chain.epochs import (
    Announcement,
    EpochRecord,
    HandOver,
    LoneRecord,
    Session,
    SplitTerms,
)
from fl_node.chain.ledger import ContractLedger


class SessionLedger(ContractLedger):
    """A contract in which nodes and one provider record their split learning."""

    contract: str

    @abstractmethod
    def provider(self) -> str:
        """Give the account that trains the upper part."""

    @abstractmethod
    def provider_since(self) -> int:
        """Say when the provider announced itself first, in seconds since 1970; 0 if never."""

    @abstractmethod
    def terms(self) -> SplitTerms:
        """Read the terms, which never change."""

    @abstractmethod
    def session(self, node: int) -> Session | None:
        """Look up a registered node; None when there is none of this number."""

    @abstractmethod
    def history(self) -> bytes:
        """Give the running digest over everything that happened."""

    @abstractmethod
    def announce(self, announcement: Announcement) -> None:
        """Say how this account's party is reached, and which keys are its own."""

    @abstractmethod
    def record_epoch(
        self, record: EpochRecord, node_signature: bytes, provider_signature: bytes
    ) -> None:
        """Record a node's next epoch, which both parties have signed; any account may."""

    @abstractmethod
    def record_alone(self, record: LoneRecord) -> None:
        """Record a node's next epoch without the other side; a dispute may follow silence."""

    @abstractmethod
    def hand_on(self, hand_over: HandOver) -> None:
        """Hand this account's lower part to another node, or to every other one."""

    @abstractmethod
    def register_nodes(self, accounts: Mapping[int, str]) -> None:
        """Admit nodes, given by number, with their accounts."""

    def register_node(self, node: int, account: str) -> None:
        """Admit one node."""
        self.register_nodes({node: account})

    @abstractmethod
    def remove_node(self, node: int) -> None:
        """Remove a node; what was recorded of it stays."""

    @abstractmethod
    def set_provider(self, account: str) -> None:
        """Let another account train the upper part, from now on."""

    def overdue_at(self, session: Session) -> int | None:
        """Say from when a side may record alone that the other does not sign.

        :returns: in seconds since 1970; None while one of them never announced itself
        """
        since, provider_since = session.since, self.provider_since()
        if not (since and provider_since):
            return None
        return max(since, provider_since) + self.terms().deadline_seconds
