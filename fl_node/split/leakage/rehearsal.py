"""Honest training, rehearsed by the data owner alone on a small share of its own data.

Erdoğan et al. 2024, "SplitOut: Out-of-the-box training-hijacking
detection in split learning via outlier detection". There the owner knows the
provider's layers; here it does not, so two small heads of its own stand in, one after the other.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import SplitError
from fl_node.split.draft import own_parts, parted
from fl_node.split.leakage.classes import Classes, classes_of
from fl_node.split.leakage.stand_in import head
from fl_node.split.leakage.traits import traits
from fl_node.split.parts.party import Party, forward, total
from fl_node.split.parts.samples import feed_of
from fl_node.split.plan import SplitPlan
from fl_node.training.dataset import Dataset
from fl_node.training.draws import key_of, permutation
from fl_node.weights import Weights

_SHARE = 100  # one sample in so many
_LEAST_SAMPLES = 128
_BATCH = 32
_STEPS = 40
_RATE = 0.001
_ADAM = {
    "module": "keras.optimizers",
    "class_name": "Adam",
    "config": {"learning_rate": _RATE},
}
_MOST_SEED = 2**31


def rehearse(
    plan: SplitPlan,
    node: int,
    initial: Weights,
    data: Dataset,
    *,
    threads: int | None = None,
    steps: int = _STEPS,
) -> NDArray[np.float64]:
    """Train a copy of the lower part and give the traits of each step's gradients at the cut.

    The same for the same plan, node, weights and data. Nothing of the session is touched.

    :param initial: the weights file that the plan names
    :param steps: of both heads together
    :returns: one row a step, see :func:`fl_node.split.leakage.traits.traits`
    :raises SplitError: for targets that are no classes, or too few of them to compare
    :raises DataError: for data that do not fit the lower part
    """
    key = key_of("rehearsal", plan.training.seed, node)
    share, found = _share(data, key), []
    for rough in (False, True):
        stage = _Stage.of_plan(plan, initial, share, key, rough=rough, threads=threads)
        found += [stage.step(rows) for rows in _batches(share.samples, steps // 2, key)]
    known = [each for each in found if each is not None]
    if len(known) < steps // 2:
        raise SplitError(
            f"only {len(known)} of {steps} rehearsed batches have two classes and two samples of "
            "one: the alarm needs labels that vary within a batch; turn it off for these data"
        )
    return np.array(known)


def _share(data: Dataset, key: int) -> Dataset:
    wanted = min(data.samples, max(_LEAST_SAMPLES, data.samples // _SHARE))
    rows = permutation(data.samples, key)[:wanted]
    return Dataset(tuple(each[rows] for each in data.inputs), data.targets[rows])


def _batches(samples: int, steps: int, key: int) -> list[NDArray[np.int64]]:
    passes = 1 + steps * _BATCH // samples
    order = np.concatenate([permutation(samples, key + 1 + each) for each in range(passes)])
    return [order[step * _BATCH : (step + 1) * _BATCH] for step in range(steps)]


@dataclass(frozen=True, eq=False)
class _Stage:
    """The lower part, the stand-in, and both optimizers.

    :ivar train: one step in a graph; takes the inputs and the classes, gives the gradients
    """

    inputs: list[NDArray[Any]]
    classes: Classes
    train: Any

    @classmethod
    def of_plan(
        cls,
        plan: SplitPlan,
        initial: Weights,
        data: Dataset,
        key: int,
        *,
        rough: bool,
        threads: int | None,
    ) -> "_Stage":
        lower = own_parts(plan)[0]
        party = Party(replace(plan.training, optimizer=_ADAM), [lower], threads=threads)
        party.load(parted(initial)[:1])
        party.state.begin(key)
        inputs, targets = feed_of(party.models[0], plan.output, plan.training.loss).arrays(data)
        _, classes = np.unique(classes_of(targets), return_inverse=True)
        count = int(classes.max()) + 1
        stand_in = head(plan.crossing, count, rough=rough, seed=key % _MOST_SEED)
        return cls(inputs, classes, _graph(party, stand_in, len(plan.crossing)))

    def step(self, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
        classes = self.classes[rows]
        gradients = self.train([each[rows] for each in self.inputs], classes.astype(np.int32))
        return traits([each.numpy() for each in gradients], classes)


def _graph(party: Party, stand_in: Any, crossing: int) -> Any:
    import keras
    import tensorflow as tf

    (lower,) = party.models
    optimizer = keras.optimizers.Adam(_RATE)
    optimizer.build(stand_in.trainable_variables)

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def train(inputs: list[Any], classes: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            below, penalties = forward(lower, inputs, training=True)
            cut = below[:crossing]
            (logits,), _ = forward(stand_in, cut, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits)
            loss = total(tf.reduce_mean(losses), penalties)
        own, above = party.variables, stand_in.trainable_variables
        mine, theirs, gradients = tape.gradient(loss, [own, above, cut])
        party.apply(mine)
        optimizer.apply(theirs, above)
        return list(gradients)

    return train
