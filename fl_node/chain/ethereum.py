"""The federation's contract on any Ethereum chain, over web3; web3's errors end here."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any, cast

from eth_abi.exceptions import DecodingError
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import BadResponseFormat
from web3.types import BlockData, LogReceipt, TxParams
from web3.utils.address import get_create_address

from fl_node.chain.abi import event_fields, event_names, view
from fl_node.chain.artifact import federation_artifact
from fl_node.chain.connection import Connection
from fl_node.chain.event_log import EventLog
from fl_node.chain.interface import federation
from fl_node.chain.ledger import Ledger, LedgerEvent, Snapshot
from fl_node.chain.transact import hand_over, transact
from fl_node.chain.transaction import Sent, find_receipt, send_again
from fl_node.chain.web3_errors import web3_errors
from fl_node.cid import Cid
from fl_node.errors import LedgerError, UnreachableError
from fl_node.rounds import Global, Member, Reason, RoundState, Terms, Update

# Above the dearest call in contracts/gas.json: a limit is never estimated, because an estimate
# sees the last block's clock, by which a deadline that has passed may look open.
CALL_GAS_LIMIT = 250_000
DEPLOY_GAS_LIMIT = 6_000_000
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
    artifact = federation_artifact()
    arguments = (plan.digest, initial.digest, checksum_address(header), astuple(terms))
    with web3_errors("a new federation", *arguments):
        factory = connection.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        creation = factory.constructor(*arguments)
        (sent,) = transact(connection, signer, [creation], DEPLOY_GAS_LIMIT)
    return str(get_create_address(signer.address, sent.nonce))


def checksum_address(text: str) -> str:
    """Give an address as everybody writes it: files and records name it letter for letter.

    :raises LedgerError: when the text is no address
    """
    try:
        return Web3.to_checksum_address(text)
    except (TypeError, ValueError) as error:
        raise LedgerError(f"an address has 0x and 40 hexadecimal digits, found {text!r}") from error


class EthereumLedger(Ledger):
    """A federation's contract on an Ethereum chain."""

    def __init__(
        self, connection: Connection, federation: str, signer: LocalAccount | None = None
    ) -> None:
        """Look at a contract; whether there is one shows at the first call.

        :param signer: writes are sent from this account; without one the ledger is read-only
        :raises LedgerError: when the address is none
        """
        self._connection = connection
        self._signer = signer
        self._events: dict[tuple[HexBytes, int], LedgerEvent] = {}
        self._log: EventLog | None = None
        # What was read last, and the newest block before: nothing has happened since if it is still
        # the newest.
        self._seen: tuple[HexBytes, Snapshot] | None = None
        self._told: tuple[HexBytes, tuple[LedgerEvent, ...]] | None = None
        self._unsettled: list[Sent] = []
        self._word: Sent | None = None  # the newest attestation
        self._found = False
        self.federation = checksum_address(federation)
        self.account = signer.address if signer else None
        with web3_errors("its id"):
            self.chain_id = connection.chain_id
        self._contract: Contract = connection.web3.eth.contract(
            address=cast("ChecksumAddress", self.federation), abi=federation_artifact().abi
        )

    def plan(self) -> Cid:
        """Name the federation's plan."""
        return Cid(bytes(self._read("plan")))

    def owner(self) -> str:
        """Give the account that deployed the federation."""
        return str(self._read("owner"))

    def head(self) -> bytes:
        """Give the newest block's hash."""
        return bytes(self._newest()["hash"])

    def now(self) -> float:
        """Give the time by which the next block will judge deadlines."""
        with web3_errors("its clock"):
            return self._connection.now()

    def snapshot(self) -> Snapshot:
        """Read what the contract holds now; all of it at one block."""
        for _ in range(_SNAPSHOTS):
            newest = self._newest()
            if self._seen is not None and self._seen[0] == newest["hash"]:
                return self._seen[1]
            found = self._snapshot(newest["number"])
            if self._stands(newest):
                self._seen = newest["hash"], found
                return found
        raise UnreachableError(
            f"the newest block was replaced {_SNAPSHOTS} times while it was read: see that the "
            "chain's sealers are connected"
        )

    def _snapshot(self, block: int) -> Snapshot:
        terms = Terms(*self._read("terms", block=block))
        opened = self._read("state", block=block)
        state = _round_state(opened, terms)
        return Snapshot(
            round=state,
            terms=terms,
            latest=self._latest(state, block),
            history=self._read("history", block=block),
            header=self._read("header", block=block),
        )

    def _stands(self, block: BlockData) -> bool:
        """Tell whether a block is still in the chain: calls name it by its number, not its hash."""
        with web3_errors("its newest block"):
            if self._connection.settled_depth == 1:
                return True
            return self._connection.web3.eth.get_block(block["number"])["hash"] == block["hash"]

    def member(self, node: int) -> Member | None:
        """Look up a registered node."""
        block = self._newest()["number"]
        account = self._read("node", node, block=block)[0]
        if account == _ZERO_ADDRESS:
            return None
        latest = self._local(node, block)
        return Member(node, checksum_address(account), latest["since"], latest["nextBase"])

    def local_weight(self, node: int) -> Update | None:
        """Give the node's update that stands in the open round."""
        block = self._newest()["number"]
        latest = self._local(node, block)
        opened = self._read("state", block=block)
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
        newest = self._newest()["hash"]
        if self._told is None or self._told[0] != newest:
            with web3_errors("events"):
                self._told = newest, self._events_now()
        return self._told[1]

    def _events_now(self) -> tuple[LedgerEvent, ...]:
        if self._log is None:
            depth = self._connection.settled_depth
            self._log = EventLog(self._connection.web3, self._contract.address, depth)
        return tuple(self._event(log, self._log) for log in self._log.read())

    def settle(self) -> bool:
        """Send own writes again that a re-ordering took out, and forget those that are deep enough.

        :returns: whether all are
        """
        with web3_errors("own transactions"):
            self._settle()
        return not self._unsettled

    def _settle(self) -> None:
        head = self._connection.web3.eth.block_number if self._unsettled else 0
        self._unsettled = [sent for sent in self._unsettled if not self._settled(sent, head)]

    def _settled(self, sent: Sent, head: int) -> bool:
        """Tell whether nothing is left to do: it is deep enough, or can never come back.

        What another transaction of the account has replaced is for the steps to see and send anew.
        """
        waits = True
        receipt = find_receipt(self._connection, sent)
        if receipt is None:
            waits = send_again(self._connection, sent)
            receipt = find_receipt(self._connection, sent)
        if receipt is None:
            return not waits
        return head - receipt["blockNumber"] + 1 >= self._connection.settled_depth

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
        if self._connection.settled_depth == 1:  # a block as good as at once
            self._send("attest", *arguments)
            return
        if self._word is None or not self._is_under_way(self._word):
            (self._word,) = self._send_all("attest", [arguments], waits=False)

    def register_nodes(self, accounts: Mapping[int, str]) -> None:
        """Admit nodes; their transactions may share a block."""
        members = [(node, checksum_address(account)) for node, account in accounts.items()]
        if members:
            self._send_all("registerNode", members)

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

    def _newest(self) -> BlockData:
        with web3_errors("its newest block"):
            return self._connection.web3.eth.get_block("latest")

    def _read(self, name: str, *arguments: object, block: int | None = None) -> Any:
        called = view(name)
        with web3_errors(name, *arguments):
            call: TxParams = {
                "to": self._contract.address,
                "data": HexBytes(called.calldata(arguments)),
            }
            given = self._connection.web3.eth.call(call, "latest" if block is None else block)
            if not given:
                raise self._other() if self._has_code() else self._missing()
        try:
            return called.result(given)
        except DecodingError as error:
            raise self._other() from error

    def _has_code(self) -> bool:
        return bool(self._connection.web3.eth.get_code(self._contract.address))

    def _require_contract(self) -> None:
        """See once that there is a contract: a transaction to an empty address would succeed."""
        if self._found:
            return
        if not self._has_code():
            raise self._missing()
        self._found = True

    def _missing(self) -> LedgerError:
        return UnreachableError(
            f"no federation at {self.federation} on chain {self.chain_id}: check both"
        )

    def _other(self) -> LedgerError:
        return LedgerError(
            f"what is at {self.federation} on chain {self.chain_id} does not answer as a "
            "federation: check both"
        )

    def _latest(self, state: RoundState, block: int) -> Global:
        if state.number == 0:  # the view reverts until the owner has put global 0
            return Global(0, Cid(self._read("initial", block=block)), None)
        number, weights, report = self._read("getGlobalWeight", block=block)
        return Global(number, Cid(weights), Cid(report) if any(report) else None)

    def _local(self, node: int, block: int) -> dict[str, Any]:
        found = self._read("getLocalWeight", node, block=block)
        fields = federation().record_fields("getLocalWeight")
        return dict(zip(fields, found, strict=True))

    def _event(self, log: LogReceipt, source: EventLog) -> LedgerEvent:
        place = (log["blockHash"], log["logIndex"])
        if place not in self._events:
            self._events[place] = self._decoded(log, source.timestamp(log))
        return self._events[place]

    def _decoded(self, log: LogReceipt, timestamp: int) -> LedgerEvent:
        try:
            name = event_names()[bytes(log["topics"][0])]
            arguments = self._contract.events[name]().process_log(log)["args"]
        except (IndexError, KeyError, DecodingError) as error:
            raise BadResponseFormat("a log that is none of a federation") from error
        values = {field: _plain(arguments[field]) for field in event_fields(name)}
        return LedgerEvent(name, values, log["blockNumber"], timestamp)

    def _is_under_way(self, sent: Sent) -> bool:
        with web3_errors("own transactions"):
            return sent in self._unsettled and find_receipt(self._connection, sent) is None

    def _send(self, function: str, *arguments: object) -> None:
        self._send_all(function, [arguments])

    def _send_all(
        self, function: str, argument_lists: Sequence[tuple[object, ...]], *, waits: bool = True
    ) -> list[Sent]:
        if self._signer is None:
            raise LedgerError(
                f"{function} was asked of a ledger without an account: give a keystore"
            )
        with web3_errors(function, *argument_lists):
            self._require_contract()
            bound = self._contract.functions[function]
            calls = [bound(*arguments) for arguments in argument_lists]
            self._settle()
            unused = max((sent.nonce + 1 for sent in self._unsettled), default=0)
            send = transact if waits else hand_over
            sent = send(self._connection, self._signer, calls, CALL_GAS_LIMIT, unused)
            if self._connection.settled_depth > 1:
                self._unsettled += sent
        return sent


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


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return bytes(value)
    return tuple(value.values()) if isinstance(value, Mapping) else value
