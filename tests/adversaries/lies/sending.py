"""A trainer's step with a lie in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fl_node.chain.ethereum import EthereumLedger
from fl_node.store.ipfs import IpfsStore
from fl_node.training import participate as step
from fl_node.training.participate import Participant, participate
from tests.adversaries.lies.self_made import Liar
from tests.adversaries.lies.updates import UpdateLie
from tests.small_federation import Trained, silent


@dataclass(frozen=True)
class LyingTrainer:
    lie: UpdateLie

    def train(self, base, **_asked) -> Any:
        tensors = self.lie.tensors(dict(base.tensors))
        return Trained(_Loose(tensors), self.lie.samples, {"loss": 0.5})


@dataclass(frozen=True)
class _Loose:
    """Tensors of any kind, where the product takes weights."""

    tensors: Mapping[str, Any]


def send_once(lie: UpdateLie) -> Callable[[Liar], None]:
    """Do what a trainer does in the open round, with a lie."""

    def act(liar: Liar) -> None:
        patch(lie)
        participate(Participant(liar.node, liar.federation, LyingTrainer(lie), None), silent)

    return act


def patch(lie: UpdateLie) -> None:
    """Make the product's own functions lie, in this process."""
    said, recorded = step.update_metadata, EthereumLedger.set_local_weight
    step.update_metadata = lambda *given: lie.said(said(*given))
    IpfsStore.put = lambda store, pieces: lie.stored(store, lie.content(_joined(pieces)))
    EthereumLedger.set_local_weight = lambda ledger, update: recorded(
        ledger, lie.recorded(ledger, update)
    )


def _joined(pieces: Any) -> bytes:
    return b"".join(bytes(piece) for piece in pieces)
