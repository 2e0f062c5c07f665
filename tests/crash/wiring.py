"""Where each moment is, by the product's own functions."""

import threading
from dataclasses import dataclass
from typing import Any

import aggregator.close
import aggregator.publish
import aggregator.resident
from aggregator.resident import HeaderRole, TrainerRole
from fl_node.chain import transact
from fl_node.chain.connection import Connection
from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.timeline import read_timeline
from fl_node.chain.transaction import Sent, find_receipt
from fl_node.store.directory import Staged
from fl_node.store.ipfs import IpfsStore
from fl_node.training.participate import Waiting
from tests.crash.fuse import Fuse, after, before
from tests.devnet.small_role import SlowTrainer, Told
from tests.small_federation import SmallTrainer

# Where a call of the contract has its round, and what is called sending it.
_SENT = {
    "setLocalWeight": (1, "after its update is sent, not mined"),
    "attest": (1, "after its word is sent, not mined"),
    "rejectLocalWeight": (1, "after a rejection is sent, not mined"),
    "setGlobalWeight": (0, "after the close is sent, not mined"),
}


@dataclass
class Work:
    """What a role is at just now.

    :ivar round: that it trains in, or closes
    :ivar puts: files that it has handed to the store in this round
    :ivar putting: whether it is doing so
    """

    round: int = 0
    puts: int = 0
    putting: bool = False

    def begin(self, round_: int) -> None:
        self.round, self.puts = round_, 0


def wire_trainer(fuse: Fuse) -> None:
    """Let a trainer's work light the fuse."""
    work = Work()
    _wire_training(fuse, work)
    _wire_storing(work, fuse, ["with its bytes half stored"], ["after its bytes are stored"])
    wire_sending(fuse)
    after(
        EthereumLedger,
        "set_local_weight",
        lambda _, ledger, update: fuse.reached("after its update is mined", update.round),
    )

    def waits(outcome: object, *_: object) -> None:
        if isinstance(outcome, Waiting) and outcome.reason.endswith("updates are in"):
            fuse.reached("while it waits", outcome.round)

    def fetches(_: Staged) -> None:
        if threading.current_thread() is not threading.main_thread():
            fuse.reached("while it fetches what another sent", work.round)

    after(aggregator.resident, "participate", waits)
    before(Staged, "keep", fetches)
    _wire_attesting(fuse)


def _wire_training(fuse: Fuse, work: Work) -> None:
    def begins(*_: object, round_: int, **__: object) -> None:
        work.begin(round_)
        fuse.reached("before training", round_)

    def trains(*_: object, round_: int, **__: object) -> None:
        fuse.reached("while it trains", round_)

    def trained(*_: object, round_: int, **__: object) -> None:
        fuse.reached("after training", round_)

    before(SmallTrainer, "train", trains)  # the slow one calls it when its time is over
    before(SlowTrainer, "train", begins)
    after(SlowTrainer, "train", trained)


def _wire_attesting(fuse: Fuse) -> None:
    def steps(role: TrainerRole, *_: object) -> None:
        federation, node = role.participant.federation, role.participant.node
        timeline = read_timeline(federation.ledger)[1]
        closed = timeline.open_number - 1
        fuse.reached("after it saw the close", closed)
        if closed and any(word.node == node for word in timeline.rounds[closed].attestations):
            fuse.reached("after its word is mined", closed)

    before(TrainerRole, "_step", steps)
    before(
        EthereumLedger,
        "attest",
        lambda _ledger, _node, number, *_: fuse.reached("before its word is sent", number),
    )


def wire_header(fuse: Fuse) -> None:
    """Let a header's work light the fuse."""
    work = Work()
    _wire_closing(fuse, work)
    _wire_storing(
        work,
        fuse,
        ["with the global's bytes half stored"],
        ["after the global's bytes are stored", "after the report is stored"],
    )
    wire_sending(fuse)
    after(
        EthereumLedger,
        "set_global_weight",
        lambda _, ledger, number, *rest: fuse.reached("after the close is mined", number),
    )
    after(
        EthereumLedger,
        "reject_local_weight",
        lambda _, ledger, node, number, *rest: fuse.reached("after a rejection is mined", number),
    )


def _wire_closing(fuse: Fuse, work: Work) -> None:
    def publishes(
        _federation: object, _evaluate: object, _timeline: object, log: Any, *_: object
    ) -> None:
        work.begin(log.number)
        fuse.reached("between admission and close", log.number)

    before(HeaderRole, "_wait", lambda _, found: fuse.reached("while it waits", found.round))
    before(
        aggregator.close,
        "judge",
        lambda _federation, _timeline, update: fuse.reached("before it fetches", update.round),
    )
    before(aggregator.close, "publish", publishes)
    after(
        aggregator.publish,
        "recompute",
        lambda _, _federation, _timeline, log, *__: fuse.reached("after averaging", log.number),
    )
    after(
        Told,
        "closed",
        lambda _, _told, outcome: fuse.reached("before the next step", outcome.model.number),
    )


def _wire_storing(work: Work, fuse: Fuse, half: list[str], whole: list[str]) -> None:
    """Name the moments within a round's first, second, … file that goes to the store.

    Half stored: the daemon has it, the folder beside it has not.
    """

    def puts(*_: object) -> None:
        work.putting = True

    def keeps(_: Staged) -> None:
        in_turn = threading.current_thread() is threading.main_thread() and work.putting
        if in_turn and work.puts < len(half):
            fuse.reached(half[work.puts], work.round)

    def has_put(*_: object) -> None:
        work.putting = False
        if work.puts < len(whole):
            fuse.reached(whole[work.puts], work.round)
        work.puts += 1

    before(Staged, "keep", keeps)
    before(IpfsStore, "put", puts)
    after(IpfsStore, "put", has_put)


def wire_sending(fuse: Fuse) -> None:
    """Name the moments between a transaction's way out and its block."""

    def begins(_connection: object, _signer: object, calls: Any, *_: object) -> None:
        fuse.gather(*_moment(calls[0]))

    def sends(sent: Any, connection: Any, _signer: object, calls: Any, *_: object) -> None:
        fuse.reached(*_moment(calls[0]), lambda: how_far(connection, sent[0]))

    before(transact, "send", begins)
    after(transact, "send", sends)


def how_far(connection: Connection, sent: Sent) -> str:
    return "mined" if find_receipt(connection, sent) else "not mined"


def _moment(call: Any) -> tuple[str, int]:
    place, moment = _SENT.get(call.fn_name, (0, ""))
    return moment, call.args[place]
