import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from fl_node.plan import Plan
from fl_node.rounds import Terms
from fl_node.split.draft import read_split_draft
from fl_node.split.plan_file import is_split_file
from fl_node.training.data import load_data, load_test_data
from fl_node.training.draft import draft_plan, read_draft
from fl_node.training.local import Trainer
from fl_node.weights import Weights

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.name)
def test_every_example_plan_can_be_deployed(file) -> None:
    if is_split_file(file):
        split = read_split_draft(file)
        assert split.plan.training.initial == split.initial.cid()
        assert split.plan.upper == split.upper.commitment
    else:
        draft = read_draft(file)
        assert draft.plan.initial == draft.initial.cid()


def test_what_the_example_calls_defaults_are_defaults() -> None:
    text = (EXAMPLES / "mnist.toml").read_text(encoding="utf-8")
    written_out = re.sub(r"^# (?!max_delta_norm)(\w+ = )", r"\1", text, flags=re.MULTILINE)
    assert written_out.count("\n#") < text.count("\n#") - 10
    short, long = draft_plan(text), draft_plan(written_out)
    assert long.plan.encode() == short.plan.encode()
    assert long.terms == short.terms


def test_the_example_names_every_key_there_is() -> None:
    text = (EXAMPLES / "mnist.toml").read_text(encoding="utf-8")
    said = set(re.findall(r"^(?:# )?(\w+) = ", text, flags=re.MULTILINE)) | {"optimizer"}
    known = {each.name for each in (*fields(Plan), *fields(Terms))}
    assert known - said == {"initial", "strategy_parameters", "codec"}


def average(updates) -> Weights:
    samples = sum(update.samples for update in updates)
    names = updates[0].weights.tensors
    return Weights(
        {
            name: sum(each.weights.tensors[name] * each.samples for each in updates) / samples
            if names[name].dtype.kind == "f"
            else names[name]
            for name in names
        }
    )


def test_the_own_model_learns_what_no_depot_knows_alone() -> None:
    draft = read_draft(EXAMPLES / "own_model" / "plan.toml")
    trainer = Trainer(draft.plan)
    shards = {node: load_data(draft.source, draft.plan, node) for node in (1, 2, 3)}
    test = load_test_data(draft.source, draft.plan)
    assert test is not None
    assert not np.array_equal(shards[1].targets, shards[2].targets)
    base = draft.initial
    for number in (1, 2, 3):
        where = {"round_": number, "base_number": number - 1}
        updates = [trainer.train(base, node=n, **where, data=shards[n]) for n in shards]
        base = average(updates)
    metrics = trainer.evaluate(base, test)
    assert metrics["accuracy"] > 0.88
    assert set(metrics) == {"loss", "accuracy", "AUC"}
