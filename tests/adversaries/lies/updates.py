"""What a lying trainer sends: each lie changes one thing of what an honest node would send."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.timeline import read_timeline
from fl_node.cid import Cid
from fl_node.rounds import Update
from fl_node.store.ipfs import IpfsStore
from fl_node.weights import Tensor, Weights
from tests.adversaries.lies import files, strange_files
from tests.adversaries.lies.patience import seen
from tests.small_federation import SmallTrainer

Tensors = dict[str, Tensor]
_PUT = IpfsStore.put


def _as_it_is(value: Any) -> Any:
    return value


def _put(store: IpfsStore, content: bytes) -> Cid:
    return _PUT(store, [content])


def _never_put(_store: IpfsStore, content: bytes) -> Cid:
    return Cid.of_bytes(content)


def _as_made(_ledger: EthereumLedger, update: Update) -> Update:
    return update


@dataclass(frozen=True)
class UpdateLie:
    """One lie; whatever it does not name is as an honest node would have it.

    :ivar said: changes the file's metadata
    :ivar content: changes the file's bytes
    :ivar stored: stores the bytes and names them
    :ivar recorded: changes what the chain is told
    """

    tensors: Callable[[Tensors], Tensors] = _as_it_is
    samples: int = 100
    said: Callable[[dict[str, Any]], dict[str, Any]] = _as_it_is
    content: Callable[[bytes], bytes] = _as_it_is
    stored: Callable[[IpfsStore, bytes], Cid] = _put
    recorded: Callable[[EthereumLedger, Update], Update] = _as_made


def _says(**fields: object) -> UpdateLie:
    return UpdateLie(said=lambda said: said | fields)


def _filled(value: float) -> UpdateLie:
    def first_element(tensors: Tensors) -> Tensors:
        kernel = tensors["dense/kernel"].copy()
        kernel[0, 0] = value
        return tensors | {"dense/kernel": kernel}

    return UpdateLie(tensors=first_element)


def as_subnormals(tensors: Tensors) -> Tensors:
    """Give floats below the least normal one."""
    return {
        name: np.full_like(tensor, 1e-40) if tensor.dtype == np.float32 else tensor
        for name, tensor in tensors.items()
    }


def _of_node_1(tensors: Tensors) -> Tensors:
    """Give what node 1 trains in the first round: who copies has read its file."""
    trained = SmallTrainer().train(Weights(tensors), node=1, round_=1, base_number=0)
    return dict(trained.weights.tensors)


def _of_another(ledger: EthereumLedger, update: Update) -> Update:
    """Wait for node 1's update, and send its file as one's own."""

    def others() -> Update | None:
        log = read_timeline(ledger)[1].open_round
        return log.updates.get(1) if log else None

    found = seen(others)
    return replace(update, weights=found.weights, samples=found.samples)


UPDATE_LIES: dict[str, UpdateLie] = {
    "anothers-file": UpdateLie(recorded=_of_another),
    "other-bytes": UpdateLie(stored=strange_files.in_small_chunks),
    "never-served": UpdateLie(stored=_never_put),
    "a-folder": UpdateLie(stored=strange_files.as_folder),
    "eight-gigabytes": UpdateLie(stored=strange_files.gigabytes_of_zeros),
    "a-million-tensors": UpdateLie(content=files.with_a_million_tensors),
    "header-of-2-to-63": UpdateLie(content=files.with_endless_header),
    "overlapping-tensors": UpdateLie(content=files.with_overlap),
    "negative-offsets": UpdateLie(content=files.with_negative_offsets),
    "duplicate-names": UpdateLie(content=files.with_a_name_twice),
    "gaps": UpdateLie(content=files.with_a_gap),
    "loose-json": UpdateLie(content=files.in_loose_json),
    "json-bomb": UpdateLie(content=files.with_deep_header),
    "trailing-bytes": UpdateLie(content=lambda content: content + bytes(8)),
    "nan": _filled(np.nan),
    "infinity": _filled(np.inf),
    "huge-step": _filled(1e30),
    "no-samples": UpdateLie(samples=0),
    "2-to-32-samples": UpdateLie(samples=2**32),
    "2-to-63-samples": UpdateLie(recorded=lambda _, update: replace(update, samples=2**63)),
    "other-samples": UpdateLie(recorded=lambda _, update: replace(update, samples=99_999)),
    "other-shape": UpdateLie(tensors=lambda t: t | {"dense/bias": np.zeros(3, np.float32)}),
    "other-dtype": UpdateLie(tensors=lambda t: t | {"dense/bias": np.zeros(2, np.int32)}),
    "other-names": UpdateLie(
        tensors=lambda t: {("bias" if name == "dense/bias" else name): t[name] for name in t}
    ),
    "changed-integers": UpdateLie(tensors=lambda t: t | {"table/size": t["table/size"] + 1}),
    "for-another-round": _says(round=7),
    "for-another-federation": _says(federation="0x" + "52" * 20),
    "for-another-node": _says(node=1),
    "from-another-base": _says(base_weights=str(Cid(bytes(32)))),
    "secret-keys": _says(note="x" * 1000),
}
ADMITTED_LIES: dict[str, UpdateLie] = {
    "copies-tensors": UpdateLie(tensors=_of_node_1),
    "subnormals": UpdateLie(tensors=as_subnormals),
}
