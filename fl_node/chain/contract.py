"""A contract on any Ethereum chain, over web3: reading, events, sending, settling.

web3's errors end here.
"""

from collections.abc import Mapping, Sequence
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

from fl_node.chain.connection import Connection
from fl_node.chain.event_log import EventLog
from fl_node.chain.interface import Interface
from fl_node.chain.ledger import LedgerEvent
from fl_node.chain.transact import hand_over, transact
from fl_node.chain.transaction import Sent, find_receipt, send_again
from fl_node.chain.web3_errors import web3_errors
from fl_node.errors import LedgerError, UnreachableError

# Above the dearest call in contracts/gas.json: a limit is never estimated, because an estimate
# sees the last block's clock, by which a deadline that has passed may look open.
CALL_GAS_LIMIT = 250_000
DEPLOY_GAS_LIMIT = 6_000_000


def create_contract(
    connection: Connection, signer: LocalAccount, interface: Interface, arguments: tuple[Any, ...]
) -> str:
    """Create a contract; its owner is the signer. Give its address.

    :raises RevertedError: when its constructor refuses the arguments
    :raises LedgerError: when an argument is none that it takes, or the chain fails
    """
    artifact = interface.artifact
    with web3_errors(f"a new {interface.kind}", *arguments):
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


class EthereumContract:
    """One contract on a chain, seen by one account, or by none for reading only."""

    def __init__(
        self,
        connection: Connection,
        interface: Interface,
        address: str,
        signer: LocalAccount | None,
    ) -> None:
        """Look at a contract; whether there is one shows at the first call.

        :param signer: writes are sent from this account
        :raises LedgerError: when the address is none
        """
        self._connection = connection
        self._interface = interface
        self._signer = signer
        self._events: dict[tuple[HexBytes, int], LedgerEvent] = {}
        self._log: EventLog | None = None
        # What was read last, and the newest block before: nothing has happened since if it is still
        # the newest.
        self._told: tuple[HexBytes, tuple[LedgerEvent, ...]] | None = None
        self._unsettled: list[Sent] = []
        self._found = False
        self.address = checksum_address(address)
        self.account = signer.address if signer else None
        with web3_errors("its id"):
            self.chain_id = connection.chain_id
        contract: Contract = connection.web3.eth.contract(
            address=cast("ChecksumAddress", self.address), abi=interface.artifact.abi
        )
        self._contract = contract

    @property
    def settles_at_once(self) -> bool:
        """Whether a block is as good as at once, for nobody else makes any."""
        return self._connection.settled_depth == 1

    def head(self) -> bytes:
        """Give the newest block's hash."""
        return bytes(self.newest()["hash"])

    def newest(self) -> BlockData:
        """Give the newest block."""
        with web3_errors("its newest block"):
            return self._connection.web3.eth.get_block("latest")

    def stands(self, block: BlockData) -> bool:
        """Tell whether a block is still in the chain: calls name it by its number, not its hash."""
        with web3_errors("its newest block"):
            if self._connection.settled_depth == 1:
                return True
            return self._connection.web3.eth.get_block(block["number"])["hash"] == block["hash"]

    def now(self) -> float:
        """Give the time by which the next block will judge deadlines."""
        with web3_errors("its clock"):
            return self._connection.now()

    def read(self, name: str, *arguments: object, block: int | None = None) -> Any:
        """Call a view, at the newest block if none is named by its number.

        :raises UnreachableError: when there is no contract
        """
        called = self._interface.view(name)
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

    def read_record(
        self, name: str, *arguments: object, block: int | None = None
    ) -> dict[str, Any]:
        """Call a view that gives a struct, by its fields' names."""
        found = self.read(name, *arguments, block=block)
        return dict(zip(self._interface.record_fields(name), found, strict=True))

    def events(self) -> Sequence[LedgerEvent]:
        """Give all events since the creation, as the chain has them now."""
        newest = self.newest()["hash"]
        if self._told is None or self._told[0] != newest:
            with web3_errors("events"):
                self._told = newest, self._events_now()
        return self._told[1]

    def settle(self) -> bool:
        """Send own writes again that a re-ordering took out, and forget those that are deep enough.

        :returns: whether all are
        """
        with web3_errors("own transactions"):
            self._settle()
        return not self._unsettled

    def is_under_way(self, sent: Sent) -> bool:
        """Tell whether no block has a transaction yet that may still come."""
        with web3_errors("own transactions"):
            return sent in self._unsettled and find_receipt(self._connection, sent) is None

    def send(self, function: str, *arguments: object) -> None:
        """Send a call, and wait until a block has it."""
        self.send_all(function, [arguments])

    def send_all(
        self, function: str, argument_lists: Sequence[tuple[object, ...]], *, waits: bool = True
    ) -> list[Sent]:
        """Send calls of one function in order; they may share a block.

        :param waits: until blocks have them all
        :raises LedgerError: without an account, or when an argument is none that it takes
        :raises RevertedError: when the contract refuses one
        """
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
            f"no {self._interface.kind} at {self.address} on chain {self.chain_id}: check both"
        )

    def _other(self) -> LedgerError:
        return LedgerError(
            f"what is at {self.address} on chain {self.chain_id} does not answer as a "
            f"{self._interface.kind}: check both"
        )

    def _events_now(self) -> tuple[LedgerEvent, ...]:
        if self._log is None:
            depth = self._connection.settled_depth
            self._log = EventLog(self._connection.web3, self._contract.address, depth)
        return tuple(self._event(log, self._log) for log in self._log.read())

    def _event(self, log: LogReceipt, source: EventLog) -> LedgerEvent:
        place = (log["blockHash"], log["logIndex"])
        if place not in self._events:
            self._events[place] = self._decoded(log, source.timestamp(log))
        return self._events[place]

    def _decoded(self, log: LogReceipt, timestamp: int) -> LedgerEvent:
        try:
            name = self._interface.event_names[bytes(log["topics"][0])]
            arguments = self._contract.events[name]().process_log(log)["args"]
        except (IndexError, KeyError, DecodingError) as error:
            raise BadResponseFormat(f"a log that is none of a {self._interface.kind}") from error
        fields = self._interface.event_fields(name)
        values = {field: _plain(arguments[field]) for field in fields}
        return LedgerEvent(name, values, log["blockNumber"], timestamp)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return bytes(value)
    return tuple(value.values()) if isinstance(value, Mapping) else value
