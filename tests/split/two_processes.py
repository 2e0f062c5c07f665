"""Train cut models with the provider in another process; as a program compare with the uncut.

The thread count is a setting of a process, so each count has a run of its own.
"""

import json
import math
import multiprocessing
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from fl_node.plan import Plan
from fl_node.weights import Weights
from tests.split.answered import answered

WHERE = {"node": 1, "round_": 1, "base_number": 0}


@dataclass(frozen=True)
class Case:
    """Which model is cut, and where."""

    model: str
    after: str
    keep_from: str | None = None

    def __str__(self) -> str:
        return "-".join(filter(None, (self.model, self.after, self.keep_from)))


PAPER = (
    *(Case("paper_cnn", after) for after in ("pool_1", "pool_2", "pool_3", "flatten", "hidden")),
    *(
        Case("paper_cnn", after, keep_from)
        for after in ("pool_1", "pool_2", "pool_3")
        for keep_from in ("hidden", "digit")
        if (after, keep_from) != ("pool_3", "hidden")  # only "flatten" lies between
    ),
)
SMALL = (
    Case("noisy", "drop_low"),
    Case("noisy", "norm_wide"),
    Case("noisy", "drop_low", "narrow"),
    Case("branching", "right"),
    Case("branching", "right", "skipped"),
    Case("branching", "right", "class"),
    Case("decayed", "second"),
    Case("decayed", "first", "class"),
)
WITH_ONE_THREAD = (
    Case("paper_cnn", "pool_2"),
    Case("paper_cnn", "pool_2", "digit"),
    Case("noisy", "drop_low", "narrow"),
    Case("branching", "right", "skipped"),
)


@dataclass(frozen=True)
class Told:
    """What the provider needs to begin."""

    plan: bytes
    parts: tuple[Any, ...]
    crossing: tuple[Any, ...]
    features: tuple[Any, ...]
    weights: bytes
    key: int


def provide(pipe: Any, threads: int) -> None:
    """Serve as the provider: sessions one after another, until nothing more is told."""
    from fl_node.split.parts.provider_step import MiddleStep, ProviderStep

    while (told := pipe.recv()) is not None:
        plan = Plan.decode(told.plan)
        each = (*told.parts, told.crossing)
        step = (
            MiddleStep(plan, *each, told.features, threads=threads)
            if told.features
            else ProviderStep(plan, *each, threads=threads)
        )
        step.party.load([Weights.decode(told.weights)])
        step.party.state.begin(told.key)
        if not told.features:
            step.score.reset()
        _serve(pipe, step)


def _serve(pipe: Any, step: Any) -> None:
    def ask(features: Any) -> Any:
        pipe.send(features)
        return pipe.recv()

    while (message := pipe.recv()) is not None:
        kind, cut, *targets = message
        if kind == "outputs":
            pipe.send(step.outputs(cut))
        elif targets:
            pipe.send(answered(step, cut, targets[0]))
        else:
            pipe.send(answered(step, cut, ask))
    metrics = step.score.result() if hasattr(step, "score") else None
    pipe.send((step.party.weights[0].encode(), moments(step.party.optimizer), metrics))


def moments(optimizer: Any) -> dict[str, Any]:
    """Copy an optimizer's variables, by the names of the weights that they are about."""
    return {variable.name: np.array(variable.numpy()) for variable in optimizer.variables}


@dataclass(frozen=True)
class Trained:
    """What a training gives.

    :ivar score: of an evaluation after it
    """

    weights: Weights
    moments: Mapping[str, Any]
    metrics: Mapping[str, float]
    score: Mapping[str, float]


def train_cut(pipe: Any, draft: Any, data: Any, case: Case, threads: int | None) -> Trained:
    """Train one epoch in parts, with the provider at the other end of the pipe."""
    from fl_node.split.parts.cut import cut_model
    from fl_node.split.parts.node_step import NodeStep
    from fl_node.split.parts.part import divide, join
    from fl_node.split.parts.tailed_step import TailedStep
    from fl_node.training.draws import key_of, permutation
    from fl_node.training.models import build_model

    plan = draft.plan
    cut = cut_model(build_model(plan), case.after, case.keep_from)
    lower, upper, *tail = cut.parts
    purpose = (plan.seed, *WHERE.values())
    key = key_of("step", *purpose)
    begun = divide(upper, draft.initial).encode()
    pipe.send(Told(plan.encode(), (upper,), cut.crossing, cut.features, begun, key))
    if tail:
        node = TailedStep(plan, lower, *tail, cut.crossing, cut.features, threads=threads)
    else:
        node = NodeStep(plan, lower, cut.crossing, cut.output, threads=threads)
    node.party.load([divide(part, draft.initial) for part in (lower, *tail)])
    node.party.state.begin(key)
    node.score.reset()
    samples, order = node.samples(data), permutation(data.samples, key_of("shuffle", *purpose, 1))

    def forward(arrays: Any, *targets: Any) -> Any:
        pipe.send(("step", arrays, *targets))
        return pipe.recv()

    def back(gradients: Any) -> Any:
        pipe.send(gradients)
        return pipe.recv()

    exchanges = (forward, back) if tail else (forward,)
    for rows in batches(order, plan.batch_size):
        node.step(samples, rows, *exchanges)
    metrics = node.score.result() if tail else {}
    score = evaluate(pipe, node, samples)
    pipe.send(None)
    theirs, moved, counted = pipe.recv()
    node.party.finish()
    mine = node.party.weights
    weights = join(cut.parts, [mine[0], Weights.decode(theirs), *mine[1:]], {})
    both = moments(node.party.optimizer) | moved
    return Trained(weights, both, counted or metrics, score)


def evaluate(pipe: Any, node: Any, samples: Any) -> dict[str, float]:
    """Score the parts as they are."""
    node.score.reset()
    for rows in batches(np.arange(len(samples)), 500):
        pipe.send(("outputs", node.activations(samples, rows)))
        node.count(samples, rows, pipe.recv())
    return dict(node.score.result())


def train_whole(draft: Any, data: Any, threads: int | None) -> Trained:
    """Train the same uncut."""
    from fl_node.training.local import Trainer

    trainer = Trainer(draft.plan, threads=threads)
    update = trainer.train(draft.initial, **WHERE, data=data)
    moved = moments(trainer._model.optimizer)
    return Trained(update.weights, moved, update.metrics, trainer.evaluate(update.weights, data))


def batches(order: Any, size: int) -> Iterator[Any]:
    """Give the rows of each batch; the last may be smaller."""
    return (order[start : start + size] for start in range(0, len(order), size))


def differences(cut: Trained, whole: Trained, case: Case) -> list[str]:
    """Name what is not the same to the last bit.

    No party knows the other's penalties, so the loss that is shown lacks them.
    """
    found = [] if cut.weights.same_tensors(whole.weights) else ["weights"]
    found += [] if cut.moments.keys() == whole.moments.keys() else ["names of moments"]
    found += [
        name for name, each in cut.moments.items() if not np.array_equal(each, whole.moments[name])
    ]
    for kind, mine, theirs in (
        ("metrics", cut.metrics, whole.metrics),
        ("score", cut.score, whole.score),
    ):
        exact = case.keep_from is not None or kind == "metrics"
        shown = [name for name in theirs if name != "loss" or case.model != "decayed"]
        found += [f"{kind} {name}" for name in shown if not _equal(mine, theirs, name, exact)]
    return found


def _equal(mine: Mapping[str, float], theirs: Mapping[str, float], name: str, exact: bool) -> bool:
    """Compare; from a provider's probabilities a loss is rounded otherwise than from logits."""
    if exact or name != "loss":
        return mine[name] == theirs[name]
    return math.isclose(mine[name], theirs[name], rel_tol=1e-5)


@contextmanager
def provider(threads: int) -> Iterator[Any]:
    """Start a provider's process; gives the pipe to it."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=provide, args=(theirs, threads), daemon=True)
    process.start()
    theirs.close()
    try:
        yield pipe
        pipe.send(None)
        process.join(30)
    finally:
        process.kill()
        process.join()


def main() -> None:
    """Compare each case with the uncut model; one line of JSON each."""
    from fl_node.training.models import build_model
    from tests.split.cut_models import data_for, draft_of

    threads, cases = int(sys.argv[1]), [Case(*each.split(",")) for each in sys.argv[2:]]
    whole: dict[str, tuple[Any, Any, Trained]] = {}
    with provider(threads) as pipe:
        for case in cases:
            if case.model not in whole:
                draft = draft_of(case.model, threads=threads)
                data = data_for(build_model(draft.plan))
                whole[case.model] = (draft, data, train_whole(draft, data, threads))
            draft, data, uncut = whole[case.model]
            cut = train_cut(pipe, draft, data, case, threads)
            differ = differences(cut, uncut, case)
            line = {"case": str(case), "differ": differ, "metrics": cut.metrics}
            print(json.dumps(line), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
