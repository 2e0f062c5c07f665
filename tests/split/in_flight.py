"""Train with several batches in flight, and as plainly as it can be said; as a program compare.

A process of its own: parties that wait for each other in one process need more of TensorFlow's
threads than the other tests have.
"""

import dataclasses
import json
import queue
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fl_node.split.channel.keys import SessionKeys
from fl_node.split.record.phase import Party, Phase
from tests.split.answered import answered
from tests.split.duet import Duet

ROOT = Path(__file__).parents[2]
FIELDS = {
    "name": "small",
    "model": "tests/split/small_model.py:build",
    "data": "mnist",
    "nodes": 1,
    "images": 130,
    "epochs": 2,
    "batch_size": 20,
}
VANILLA = {"cut_after": "pool", "snapshot_steps": 4}
U_SHAPED = VANILLA | {"keep_from": "above"}
KEYS = {party: SessionKeys.create(party.value, 1) for party in Party}
THREADS, MOST_IN_FLIGHT = 2, 5


class _StoppedError(Exception):
    pass


def duet(folder: Path, **split: Any) -> Duet:
    """Give both parties, before the first step."""
    from fl_node.split.draft import draft_split
    from fl_node.split.plan_file import parse_split_file
    from fl_node.training.data import load_data, load_test_data

    draft = draft_split(parse_split_file(FIELDS | {"split": split}, ROOT, {}))
    data = load_data("mnist", draft.plan.training, 1)
    test = load_test_data("mnist", draft.plan.training)
    some = dataclasses.replace(
        test, inputs=tuple(each[:600] for each in test.inputs), targets=test.targets[:600]
    )
    played = Duet(folder, draft, data, some)
    played.keys = KEYS
    return played


@contextmanager
def playing(**split: Any) -> Iterator[Duet]:
    """Give both parties a folder for a while."""
    with tempfile.TemporaryDirectory() as folder:
        yield duet(Path(folder), **split)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What two epochs gave.

    :ivar leaves: of both epochs
    :ivar weights: lower part, upper part, tail
    """

    leaves: tuple[bytes, ...]
    weights: tuple[Any, ...]
    accuracy: tuple[float, ...]

    def difference(self, other: "Outcome") -> list[str]:
        """Name what is not the same to the last bit."""
        pairs = zip(self.weights, other.weights, strict=True)
        found = [f"weights {i}" for i, (a, b) in enumerate(pairs) if not a.same_tensors(b)]
        found += [] if self.leaves == other.leaves else ["leaves"]
        return found + ([] if self.accuracy == other.accuracy else ["accuracy"])


def both_epochs(played: Duet) -> Outcome:
    """Train to the end."""
    leaves: list[bytes] = []
    for epoch in (1, 2):
        played.play(epoch)
        leaves += played.leaves[Party.NODE]
    accuracy = tuple(played.measured[epoch]["accuracy"] for epoch in (1, 2))
    return Outcome(tuple(leaves), weights(played), accuracy)


def weights(played: Duet) -> tuple[Any, ...]:
    """Copy all parts' weights."""
    lower, *tail = played.owner.parts
    return lower, played.provider.weights, *tail


def stopped(phase: str, step: int, **split: Any) -> Outcome:
    """Train, with one party stopped after a message, and both begun anew from what they kept."""
    with playing(**split) as played:
        with patching() as patched:
            played.stop_after(patched, step, Phase[phase], _StoppedError)
            try:
                played.play(1)
            except _StoppedError:
                pass
            else:
                raise AssertionError("nothing was stopped")
        again = duet(played.folder, **split)
        return both_epochs(again)


@contextmanager
def patching() -> Iterator[Any]:
    """Give what sets attributes and puts them back."""
    import pytest

    with pytest.MonkeyPatch.context() as patched:
        yield patched


def plainly(in_flight: int, **split: Any) -> tuple[Any, ...]:
    """Train one step after the other, each forward pass with the weights that it is to see."""
    with playing(**split) as played:
        for epoch in (1, 2):
            _plain_epoch(played, in_flight, epoch)
        played.owner.finish()
        played.provider.finish()
        return weights(played)


def _plain_epoch(played: Duet, in_flight: int, epoch: int) -> None:
    from fl_node.split.batches import Batches
    from fl_node.training.draws import key_of, permutation

    samples, plan = played.owner._data, played.draft.plan
    order = permutation(len(samples), key_of("shuffle", plan.training.seed, 1, 1, 0, epoch))
    batches = Batches(len(samples), 0, plan.training.batch_size)
    plain = Plain(played)
    after = [plain.lower()]
    for step in range(1, batches.training_steps + 1):
        kept = (step - 1) // plan.snapshot_steps * plan.snapshot_steps
        seen = after[max(step - in_flight, kept)]
        plain.step(order[batches.span(step)], seen, after[-1])
        after.append(plain.lower())


class Plain:
    """Steps of a data owner whose lower part is stale while it computes what crosses."""

    def __init__(self, played: Duet) -> None:
        self._node, self._provider = played.owner._step, played.provider._step
        self._samples = played.owner._data
        self._variables = self._node.party.models[0].trainable_variables

    def lower(self) -> list[Any]:
        """Copy the lower part's trainable weights."""
        return [np.array(each.numpy()) for each in self._variables]

    def step(self, rows: Any, seen: list[Any], newest: list[Any]) -> None:
        """Compute forward with some weights, and apply what comes back to others."""
        self._set(seen)
        if len(self._node.party.models) == 1:
            self._node.step(self._samples, rows, lambda *sent: self._labelled(newest, *sent))
        else:
            self._between(rows, newest)

    def _set(self, values: list[Any]) -> None:
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)

    def _labelled(self, newest: list[Any], cut: Any, targets: Any) -> Any:
        self._set(newest)
        return answered(self._provider, cut, targets)

    def _between(self, rows: Any, newest: list[Any]) -> None:
        """Run the provider's step in a thread, which waits in its middle as ours does."""
        forth, back = queue.SimpleQueue(), queue.SimpleQueue()
        cuts: Any = queue.SimpleQueue()

        def ask(features: Any) -> Any:
            forth.put(features)
            return back.get()

        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(lambda: answered(self._provider, cuts.get(), ask))

            def features_of(cut: Any) -> Any:
                self._set(newest)
                cuts.put(cut)
                return forth.get()

            def gradients_of(gradients: Any) -> Any:
                back.put(gradients)
                return answer.result()

            self._node.step(self._samples, rows, features_of, gradients_of)


def check(in_flight: int, split: Mapping[str, Any]) -> dict[str, Any]:
    """Train in all these ways; what differs from the first."""
    split = {**split, "in_flight": in_flight}
    with playing(**split) as played:
        first = both_epochs(played)
    with playing(**split) as played:
        again = both_epochs(played)
    with playing(**split | {"in_flight": 1}) as played:
        alone = both_epochs(played)
    plain = dataclasses.replace(first, weights=plainly(**split))
    middle = ("FEATURE_GRADIENTS", 6) if "keep_from" in split else ("ACTIVATIONS", 6)
    return {
        "again": first.difference(again),
        "plain": first.difference(plain),
        "one": first.difference(alone),
        "stopped": [first.difference(stopped(*at, **split)) for at in (("GRADIENTS", 2), middle)],
    }


def main() -> None:
    """Check a configuration with so many in flight; prints JSON."""
    from fl_node.training.backend import start_backend

    split = {"vanilla": VANILLA, "u-shaped": U_SHAPED}[sys.argv[1]]
    start_backend(THREADS, MOST_IN_FLIGHT)
    print(json.dumps(check(int(sys.argv[2]), split)))  # noqa: T201


if __name__ == "__main__":
    main()
