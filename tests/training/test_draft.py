from decimal import Decimal

import keras
import numpy as np
import pytest

from fl_node.errors import DataError, FlnodeError, ModelError, PlanError, SettingsError
from fl_node.plan import Plan
from fl_node.rounds import Terms
from fl_node.training.draft import draft_plan, read_draft
from tests.training.small_models import dense, draft_of

TOML = """
name = "digits"
model = "cnn"
data = "mnist"
partition = "dirichlet:0.5"
nodes = 3
images = 300
seed = 11
strategy_parameters = {server_learning_rate = 0.10, tau = "0.001"}
max_delta_norm = 12.50

[optimizer]
name = "SGD"
learning_rate = 0.01
momentum = 0.9

[terms]
rounds = 4
quorum = 2
"""
SHORT = {"name": "digits", "model": "cnn", "data": "mnist"}


def test_a_plan_file_becomes_a_plan_and_terms() -> None:
    draft = draft_plan(TOML)
    plan = draft.plan
    assert (plan.name, plan.data, plan.nodes, plan.images, plan.seed) == (
        ("digits", "mnist", 3, 300, 11)
    )
    assert plan.optimizer["class_name"] == "SGD"
    assert plan.optimizer["config"]["momentum"] == 0.9
    assert draft.terms == Terms(rounds=4, quorum=2)
    assert draft.source == "mnist"


def test_what_is_left_out_is_the_papers_learning() -> None:
    plan = draft_plan(SHORT).plan
    assert plan.optimizer["class_name"] == "Adam"
    assert plan.optimizer["config"]["learning_rate"] == 0.001
    assert (plan.loss, plan.batch_size) == ("categorical_crossentropy", 128)
    assert plan.metrics == ("accuracy",)


def test_a_draft_is_the_same_each_time() -> None:
    first, second = draft_plan(TOML), draft_plan(TOML)
    assert first.plan.encode() == second.plan.encode()
    assert first.initial.encode() == second.initial.encode()


def test_the_plan_names_the_initial_weights() -> None:
    draft = draft_plan(SHORT)
    assert draft.plan.initial == draft.initial.cid()
    assert dict(draft.initial.metadata) == {"format": 1, "kind": "global"}


def test_the_plan_survives_its_bytes() -> None:
    plan = draft_plan(TOML).plan
    assert Plan.decode(plan.encode()) == plan


def test_decimals_stay_exact() -> None:
    plan = draft_plan(TOML).plan
    assert dict(plan.strategy_parameters) == {"server_learning_rate": "0.10", "tau": "0.001"}
    assert plan.max_delta_norm == "12.50"
    assert draft_plan(SHORT | {"max_delta_norm": Decimal("1E+2")}).plan.max_delta_norm == "100"
    with pytest.raises(PlanError, match="max_delta_norm"):  # written out it were a gigabyte
        draft_plan(SHORT | {"max_delta_norm": Decimal("1E+999999999")})


def test_changes_replace_keys_and_single_terms() -> None:
    changes = {"nodes": 2, "terms": {"rounds": 9}}
    draft = draft_plan(TOML, changes=changes)
    assert draft.plan.nodes == 2
    assert draft.terms == Terms(rounds=9, quorum=2)


def test_weights_that_the_users_function_trained_are_kept(tmp_path) -> None:
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "from tests.training.small_models import dense\n"
        "def trained():\n"
        "    model = dense()\n"
        "    model.set_weights([np.full_like(w, 0.25) for w in model.get_weights()])\n"
        "    return model\n",
        encoding="utf-8",
    )
    draft = draft_of("dense", model="mine.py:trained")
    assert all((tensor == 0.25).all() for tensor in draft.initial.tensors.values())


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def compiled():
    model = dense()
    model.compile(loss="mse")
    return model


def lambda_model():
    return keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)])


def half():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, dtype="float16")])


def shapeless():
    return keras.Sequential([keras.layers.Dense(2)])


def no_model():
    return np.zeros(3)


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(2)
        self(np.zeros((1, 2)))

    def call(self, inputs):
        return self.dense(inputs)


def test_a_compiled_model_is_taken_without_its_compilation() -> None:
    assert "compile_config" not in draft_of("dense", model=f"{__name__}:compiled").plan.model


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("lambda_model", "Lambda"),
        ("half", "float16"),
        ("shapeless", r"begin it with keras\.Input"),
        ("no_model", "should return a Keras model, found ndarray"),
        ("Subclassed", "Subclassed|no configuration"),
    ],
)
def test_a_model_that_cannot_travel_is_refused_in_one_line(model, found) -> None:
    with pytest.raises(ModelError, match=found) as caught:
        draft_of("dense", model=f"{__name__}:{model}")
    assert "\n" not in str(caught.value)


WRONG = {
    "an unknown key": ({"epoch": 3}, r"key 'epoch'; did you mean 'epochs'\? there are .*terms"),
    "a term in the wrong place": ({"rounds": 3}, r"did you mean 'rounds' below \[terms\]\? there"),
    "an unknown term": ({"terms": {"round": 3}}, r"key 'round'; did you mean 'rounds'\? there"),
    "the initial weights": ({"initial": "Qm"}, "unknown plan key 'initial'"),
    "no rounds": ({"terms": {"rounds": 0}}, "'rounds' must be a whole number from 1 up, found 0"),
    "terms that are no table": ({"terms": 3}, "'terms' must be a table"),
    "half a round": ({"terms": {"rounds": 1.5}}, "'rounds' must be a whole number"),
    "no nodes": ({"nodes": 0}, "'nodes' must be a whole number from 1 up, found 0"),
    "nodes as text": ({"nodes": "2"}, "'nodes' must be a whole number"),
    "a quorum beyond the nodes": ({"terms": {"quorum": 3}}, "quorum 3, target 2"),
    "finality beyond the nodes": ({"terms": {"finality": 3}}, "finality 3, nodes 2"),
    "no epochs": ({"epochs": 0}, "'epochs' must be a whole number from 1"),
    "no batch": ({"batch_size": 0}, "'batch_size' must be"),
    "an unknown precision": ({"precision": "float8"}, "'precision' must be one of"),
    "more shards than images": ({"nodes": 30, "images": 20}, "at least 30 samples, found 20"),
    "more shards than there are": ({"nodes": 60_001}, "at least 60001 samples, found 60000"),
    "an unknown partition": ({"partition": "fair"}, "partition must be iid"),
    "unknown data": ({"data": "cifar"}, "'cifar' was asked for: it is none of mnist"),
    "data that is no text": ({"data": 3}, "'data' must name a data set"),
    "a model that is no name": ({"model": "resnet"}, "'model' must be \"cnn\""),
    "a model file that is not there": ({"model": "no.py:model"}, "'no.py' was asked for"),
    "an unknown optimizer": ({"optimizer": "Adamm"}, "'Adamm' is none of Keras"),
    "an unknown argument": (
        {"optimizer": {"name": "SGD", "learning_rat": 0.1}},
        "'SGD' is none of Keras, or not with .*learning_rat",
    ),
    "an optimizer without a name": ({"optimizer": {"learning_rate": 1}}, "'optimizer' must be"),
    "an unknown loss": ({"loss": "crossentropy"}, "loss 'crossentropy' is not built into Keras"),
    "an unknown metric": ({"metrics": ["f2"]}, "metric 'f2' is not built into Keras"),
    "a metric that is no list": ({"metrics": 3}, "'metrics' must be"),
}


@pytest.mark.parametrize("why", WRONG)
def test_a_plan_that_breaks_a_rule_is_refused_in_one_line(why) -> None:
    changes, found = WRONG[why]
    with pytest.raises((PlanError, ModelError, DataError, SettingsError), match=found) as caught:
        draft_plan(SHORT | changes)
    assert isinstance(caught.value, FlnodeError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["name", "model", "data"])
def test_a_key_that_is_needed_is_named(key) -> None:
    with pytest.raises(PlanError, match=f"{key} missing"):
        draft_plan({k: v for k, v in SHORT.items() if k != key})


def test_a_file_that_is_no_toml_is_refused(tmp_path) -> None:
    (tmp_path / "plan.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(PlanError, match="no TOML"):
        read_draft(tmp_path / "plan.toml")


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(PlanError, match=r"absent\.toml cannot be read"):
        read_draft(tmp_path / "absent.toml")


def test_files_named_in_a_plan_file_stand_beside_it(tmp_path, monkeypatch) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "mine.py").write_text(
        "from tests.training.small_models import dense, no_data\n", encoding="utf-8"
    )
    (beside / "plan.toml").write_text(
        'name = "mine"\nmodel = "mine.py:dense"\ndata = "mine.py:no_data"\n'
        'loss = "sparse_categorical_crossentropy"\n',
        encoding="utf-8",
    )
    draft = read_draft(beside / "plan.toml")
    assert draft.plan.data == "own"
    assert draft.source == f"{beside / 'mine.py'}:no_data"


def test_a_module_beside_a_plan_file_is_found_from_any_folder(tmp_path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "mine_too.py").write_text(
        "from tests.training.small_models import dense, no_data\n", encoding="utf-8"
    )
    draft = draft_of("dense", model="mine_too:dense", data="mine_too:no_data", folder=beside)
    assert draft.source == f"{beside / 'mine_too.py'}:no_data"


def test_a_folder_of_data_is_named_with_its_whole_path(tmp_path) -> None:
    (tmp_path / "arrays").mkdir()
    assert draft_plan(SHORT | {"data": "arrays"}).source == str(tmp_path / "arrays")
