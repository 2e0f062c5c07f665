"""A role of small tensors that kills itself where it is told to."""

from dataclasses import replace
from pathlib import Path

from fl_node.chain.ethereum import EthereumLedger
from fl_node.config import load_settings
from fl_node.connect import open_store
from fl_node.rounds import Update
from fl_node.training import participate
from tests.crash.fuse import Fuse
from tests.crash.wiring import wire_header, wire_trainer
from tests.devnet import small_role


def play(home: Path, address: str, node: int, fuse: Fuse, rubbish: tuple[int, ...]) -> None:
    """Be a host's role in this process.

    :param node: 0 for the header
    :param rubbish: rounds in which this node sends what nobody admits before what it trained
    """
    (wire_trainer if node else wire_header)(fuse)
    if rubbish:
        _send_rubbish_first(home, fuse, rubbish)
    small_role.main(home, address, node)


def _send_rubbish_first(home: Path, fuse: Fuse, rounds: tuple[int, ...]) -> None:
    plain = EthereumLedger.set_local_weight
    store = open_store(home, load_settings(home, environment={}))

    def sends(ledger: EthereumLedger, update: Update) -> None:
        mark = fuse.marks / f"{fuse.host} rubbish {update.round}"
        if update.round in rounds and not mark.exists():
            mark.touch()
            update = replace(update, weights=store.put([b"rubbish"]))
        plain(ledger, update)

    EthereumLedger.set_local_weight = sends  # type: ignore[method-assign]
    participate._barred = lambda *_: None  # type: ignore[assignment]  # it does not sit out
