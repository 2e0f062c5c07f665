"""Data owners in parallel: the averages of their parts are those of a federation's whole models."""

from pathlib import Path

import numpy as np
import pytest

from aggregator.shares import average_shares
from fl_node.errors import PlanError, SplitError
from fl_node.split.averages import Averages, Share, average_file
from fl_node.split.draft import draft_split, own_parts, parted, upper_part
from fl_node.split.parts.part import join
from fl_node.split.plan_file import parse_split_file
from fl_node.split.record.signed import session_id
from fl_node.training.data import load_data
from fl_node.training.draft import draft_plan
from fl_node.training.local import Trainer
from fl_node.weights import Weights
from tests.split.duet import CONTRACT, Duet

_ROOT = Path(__file__).parents[2]
_NODES = (1, 2)
_KEYS = {
    "name": "small",
    "model": "tests/split/small_model.py:build",
    "data": "mnist",
    "nodes": 2,
    "images": 150,
    "epochs": 3,
    "batch_size": 20,
}
_VANILLA = {"cut_after": "pool", "snapshot_steps": 2, "owners": "parallel"}
_U_SHAPED = _VANILLA | {"keep_from": "digit"}
_EPOCHS = (1, 2, 3)


def draft(**split):
    return draft_split(parse_split_file(_KEYS | {"split": split}, _ROOT, {}))


def duet(folder, drafted, node):
    data = load_data("mnist", drafted.plan.training, node)
    session = session_id(1337, CONTRACT, node)
    return Duet(folder, drafted, data, node=node, session=session, root=session)


@pytest.fixture(scope="module")
def federation():
    """The uncut model's globals after each round of one local epoch."""
    drafted = draft_plan(_KEYS | {"epochs": 1}, folder=_ROOT)
    trainer = Trainer(drafted.plan)
    found = [drafted.initial]
    for round_ in _EPOCHS:
        shares = []
        for node in _NODES:
            data = load_data("mnist", drafted.plan, node)
            trained = trainer.train(
                found[-1], node=node, round_=round_, base_number=round_ - 1, data=data
            )
            shares.append(Share(node, trained.samples, trained.weights))
        found.append(average_shares(drafted.plan, found[-1], shares))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("split", [_VANILLA, _U_SHAPED], ids=["vanilla", "u-shaped"])
def test_the_averages_are_the_federations_globals(tmp_path, federation, split):
    drafted = draft(**split)
    played = {node: duet(tmp_path / str(node), drafted, node) for node in _NODES}
    lower, upper = drafted.initial, drafted.upper.initial
    for epoch in _EPOCHS:
        shares: tuple[list[Share], list[Share]] = [], []
        for node, each in played.items():
            each.owner.begin(epoch, lower)
            each.provider.begin(epoch, upper)
            each.play(epoch)
            samples = each.owner.samples[0]
            shares[0].append(Share(node, samples, each.owner.weights))
            shares[1].append(Share(node, samples, each.provider.weights))
        lower = average_shares(drafted.plan.training, lower, shares[0])
        upper = average_shares(drafted.plan.training, upper, shares[1])
        joined = whole(drafted, lower, upper)
        assert joined.same_tensors(federation[epoch]), f"after epoch {epoch}"


def whole(drafted, lower, upper):
    parts, found = own_parts(drafted.plan), parted(lower)
    parts.insert(1, upper_part(drafted.plan, drafted.upper))
    found.insert(1, upper)
    return join(parts, found, {})


def test_only_fedavg_averages_parts():
    file = parse_split_file(_KEYS | {"strategy": "fedadam", "split": _VANILLA}, _ROOT, {})
    with pytest.raises(PlanError, match=r"averaged by fedavg, found strategy 'fedadam'"):
        draft_split(file)


def test_owners_train_in_turns_or_in_parallel():
    with pytest.raises(PlanError, match="'owners' must be turns or parallel, found 'together'"):
        draft(**_VANILLA | {"owners": "together"})


def weights(value):
    return Weights({"w": np.full(3, value, np.float32)}, {})


def averages(folder, asked):
    def shares(epoch, base):
        asked.append(epoch)
        start = float(base.tensors["w"][0])
        return [Share(1, 10, weights(start + 1)), Share(2, 30, weights(start + 3))]

    plan = draft_plan(_KEYS, folder=_ROOT).plan
    return Averages(folder, plan, weights(0.0), average_shares, shares)


def test_an_average_is_computed_once_and_again_when_it_is_lost(tmp_path):
    asked = []
    first = averages(tmp_path, asked)
    assert first.after(2).tensors["w"].tolist() == [5.0] * 3
    assert asked == [1, 2]
    again = averages(tmp_path, asked)
    assert again.after(2).cid() == first.after(2).cid()
    assert asked == [1, 2]
    average_file(tmp_path, 2).unlink()
    assert again.after(2).tensors["w"].tolist() == [5.0] * 3
    assert asked == [1, 2, 2]


def test_a_damaged_average_is_named(tmp_path):
    made = averages(tmp_path, [])
    made.after(1)
    path = average_file(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SplitError, match=r"average-1\.safetensors is damaged .* delete it"):
        made.after(1)
