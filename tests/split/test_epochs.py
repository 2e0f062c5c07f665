"""Both parties' epochs over real sockets: as the whole model, also when one dies in between."""

import dataclasses
from pathlib import Path

import pytest

from fl_node.split.draft import draft_split, own_parts, upper_part
from fl_node.split.parts.part import join
from fl_node.split.plan_file import parse_split_file
from fl_node.split.record.phase import Phase
from fl_node.training.data import load_data, load_test_data
from fl_node.training.draft import draft_plan
from fl_node.training.local import Trainer
from tests.split.duet import Duet

pytestmark = pytest.mark.slow

_MODEL = "tests/split/small_model.py:build"
_KEYS = {
    "name": "small",
    "model": _MODEL,
    "data": "mnist",
    "nodes": 1,
    "images": 90,
    "epochs": 2,
    "batch_size": 20,
}
_VANILLA = {"cut_after": "pool", "snapshot_steps": 2}
_U_SHAPED = _VANILLA | {"keep_from": "digit"}
_ROOT = Path(__file__).parents[2]


def duet(folder: Path, **split) -> Duet:
    draft = draft_split(parse_split_file(_KEYS | {"split": split}, _ROOT, {}))
    data = load_data("mnist", draft.plan.training, 1)
    test = load_test_data("mnist", draft.plan.training)
    some = dataclasses.replace(
        test, inputs=tuple(each[:600] for each in test.inputs), targets=test.targets[:600]
    )
    return Duet(folder, draft, data, some)


def weights(played: Duet):
    plan = played.draft.plan
    parts, found = own_parts(plan), played.owner.parts
    parts.insert(1, upper_part(plan, played.draft.upper))
    found.insert(1, played.provider.weights)
    return join(parts, found, {})


@pytest.fixture(scope="module")
def whole():
    """The uncut model, trained as a federation's node trains it."""
    draft = draft_plan(_KEYS, folder=_ROOT)
    data = load_data("mnist", draft.plan, 1)
    trainer = Trainer(draft.plan)
    trained = trainer.train(draft.initial, node=1, round_=1, base_number=0, data=data)
    return trainer, trained


@pytest.mark.parametrize("split", [_VANILLA, _U_SHAPED], ids=["vanilla", "u-shaped"])
def test_two_parties_train_the_bits_of_the_uncut_model(tmp_path, whole, split):
    trainer, trained = whole
    played = duet(tmp_path, **split)
    seen = []
    for epoch in (1, 2):
        played.play(epoch, lambda step, measured: seen.append(measured))
    assert weights(played).same_tensors(trained.weights)
    # Each party's loss has its own layers' penalties only.
    assert seen[-1]["accuracy"] == trained.metrics["accuracy"]
    reached = trainer.evaluate(trained.weights, played.test)
    assert played.measured[2]["accuracy"] == reached["accuracy"]


class _StoppedError(Exception):
    pass


@pytest.mark.parametrize("split", [_VANILLA, _U_SHAPED], ids=["vanilla", "u-shaped"])
@pytest.mark.parametrize("phase", [Phase.ACTIVATIONS, Phase.GRADIENTS])
@pytest.mark.parametrize("step", [1, 3])
def test_a_party_that_comes_back_leads_to_the_same_leaves(
    tmp_path, monkeypatch, whole, split, phase, step
):
    played = duet(tmp_path, **split)
    with monkeypatch.context() as patched:
        played.stop_after(patched, step, phase, _StoppedError)
        with pytest.raises(_StoppedError):
            played.play(1)
    again = duet(tmp_path, **split)
    again.keys = played.keys
    again.play(1)
    again.play(2)
    assert weights(again).same_tensors(whole[1].weights)


@pytest.mark.parametrize(
    ("wire", "parameters"),
    [
        ("float16", {}),
        ("int8", {}),
        ("randtopk", {"fraction": "0.5", "alpha": "0.1"}),
    ],
)
def test_a_coarser_wire_trains_too(tmp_path, whole, wire, parameters):
    played = duet(tmp_path, **_U_SHAPED, wire=wire, wire_parameters=parameters)
    played.play(1)
    assert played.measured[1]["loss"] < 2.7
    assert not weights(played).same_tensors(whole[1].weights)
