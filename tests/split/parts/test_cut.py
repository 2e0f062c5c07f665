import json
import subprocess
import sys

import numpy as np
import pytest

from fl_node.errors import ModelError, WeightsError
from fl_node.split.parts.cut import cut_model, cut_points
from fl_node.split.parts.part import Part, divide, join
from fl_node.training.architecture import check_architecture
from fl_node.training.backend import start_backend
from fl_node.training.draws import draw
from fl_node.training.models import named_variables, paper_cnn, weights_of
from fl_node.training.state import TrainingState, seed_variables
from fl_node.weights import Weights
from tests.split.cut_models import MODELS

start_backend()

from keras import Input, Model, Sequential, layers  # noqa: E402 - after TensorFlow started quietly

CUTS = [
    ("paper_cnn", "pool_1", None),
    ("paper_cnn", "pool_2", "digit"),
    ("paper_cnn", "hidden", None),
    ("noisy", "drop_low", "narrow"),
    ("branching", "right", None),
    ("branching", "right", "class"),
]


@pytest.fixture(scope="module")
def models():
    return {name: make() for name, make in MODELS.items()}


def called(model, tensors):
    import keras

    taken = tensors[0] if len(tensors) == 1 else tensors
    return [np.array(each) for each in keras.tree.flatten(model(taken, training=False))]


def images_for(model, samples=3):
    chance = np.random.default_rng(5)
    return [chance.random((samples, *t.shape[1:]), dtype=np.float32) for t in model.inputs]


def outputs(lower, upper, tail, crossing, inputs):
    """Call the parts in turn, as the parties do."""
    below = called(lower, inputs)
    cut, kept = below[:crossing], below[crossing:]
    above = called(upper, cut)
    return above if tail is None else called(tail, [*above, *kept])


@pytest.mark.parametrize(("name", "after", "keep_from"), CUTS)
def test_the_parts_in_turn_give_the_models_output(models, name, after, keep_from) -> None:
    model = models[name]
    cut = cut_model(model, after, keep_from)
    inputs = images_for(model)
    found = outputs(cut.lower, cut.upper, cut.tail, len(cut.crossing), inputs)
    assert np.array_equal(found[0], called(model, inputs)[0])


@pytest.mark.parametrize(("name", "after", "keep_from"), CUTS)
def test_parts_are_built_again_from_their_descriptions(models, name, after, keep_from) -> None:
    model = models[name]
    cut = cut_model(model, after, keep_from)
    built = [part.build() for part in cut.parts]
    for part, mine in zip(cut.parts, built, strict=True):
        check_architecture(part.config)
        for variable, tensor in zip(
            mine.weights, divide(part, weights_of(model)).tensors.values(), strict=True
        ):
            variable.assign(tensor)
    inputs = images_for(model)
    lower, upper, tail = (*built, None)[:3]
    found = outputs(lower, upper, tail, len(cut.crossing), inputs)
    assert np.array_equal(found[0], called(model, inputs)[0])


@pytest.mark.parametrize(("name", "after", "keep_from"), CUTS)
def test_parts_that_are_joined_are_the_whole_weights_file(models, name, after, keep_from) -> None:
    model = models[name]
    cut = cut_model(model, after, keep_from)
    parts = [each for each in (cut.lower, cut.upper, cut.tail) if each is not None]
    joined = join(cut.parts, [weights_of(each) for each in parts], {"round": 1})
    assert joined.encode() == weights_of(model, {"round": 1}).encode()


@pytest.mark.parametrize(("name", "after", "keep_from"), CUTS)
def test_each_part_begins_with_the_wholes_own_seeds(models, name, after, keep_from) -> None:
    model = models[name]
    cut = cut_model(model, after, keep_from)
    words = draw(2 * len(seed_variables(model)), 17).astype(np.uint32).reshape(-1, 2)
    places = [place for part in cut.parts for place in part.seeds.places]
    assert sorted(places) == list(range(len(words)))
    for part in cut.parts:
        built = part.build()
        built.compile(optimizer="sgd")
        built.optimizer.build(built.trainable_variables)
        TrainingState(built, seed_places=part.seeds).begin(17)
        found = [variable.numpy() for variable in seed_variables(built)]
        assert np.array_equal(np.reshape(found, (-1, 2)), words[list(part.seeds.places)])


def test_the_cut_model_itself_stays_as_it_was() -> None:
    model = paper_cnn()
    before = model.to_json(), list(named_variables(model))
    cut_model(model, "pool_2", "digit")
    assert (model.to_json(), list(named_variables(model))) == before


def test_layers_keep_their_names_and_stay_the_same_objects(models) -> None:
    model = models["paper_cnn"]
    cut = cut_model(model, "pool_2", "digit")
    for part in (cut.lower, cut.upper, cut.tail):
        for layer in part.layers[1:]:
            assert layer is model.get_layer(layer.name)
    assert [layer.name for layer in cut.tail.layers[1:]] == ["digit"]


def test_what_crosses_is_told_by_name_and_shape(models) -> None:
    cut = cut_model(models["branching"], "right", "class")
    assert [str(each) for each in cut.crossing] == ["cut/0 float32[6]", "cut/1 float32[4]"]
    assert [str(each) for each in cut.features] == ["features/0 float32[4]"]
    assert cut.output == (3,)


def test_a_skip_past_the_provider_stays_with_the_data_owner(models) -> None:
    cut = cut_model(models["branching"], "right", "skipped")
    assert len(cut.lower.outputs) == 3
    assert len(cut.crossing) == 2
    assert len(cut.tail.inputs) == 2


def test_the_paper_model_can_be_cut_wherever_both_parties_train(models) -> None:
    points = "conv_1 pool_1 conv_2 pool_2 conv_3 pool_3 flatten hidden dropout"
    assert cut_points(models["paper_cnn"]) == tuple(points.split())


@pytest.mark.parametrize(
    ("after", "keep_from", "said"),
    [
        ("pool_9", None, "no layer 'pool_9'.*one may cut after conv_1, pool_1"),
        ("digit", None, "no layer is above 'digit'.*one may cut after conv_1"),
        ("pool_2", "nothing", "no layer 'nothing'"),
        ("pool_2", "pool_1", "tail cannot begin with 'pool_1'"),
        ("pool_2", "conv_3", "tail cannot begin with 'conv_3'"),
        ("hidden", "digit", "no layer above 'hidden' and below 'digit' has weights"),
    ],
)
def test_a_cut_that_gives_a_party_nothing_is_refused(models, after, keep_from, said) -> None:
    with pytest.raises(ModelError, match=said):
        cut_model(models["paper_cnn"], after, keep_from)


def nothing_to_train_below():
    return Sequential([Input((4,)), layers.ReLU(name="cut"), layers.Dense(2)])


def shared():
    both = layers.Dense(4, name="both")
    taken = Input((4,))
    return Model(taken, layers.Dense(2)(both(layers.Dense(4, name="cut")(both(taken)))))


def raw_input_above():
    taken = Input((4,), name="raw")
    below = layers.Dense(4, name="cut")(layers.Dense(4)(taken))
    return Model(taken, layers.Dense(2)(layers.Concatenate()([below, taken])))


def masked():
    taken = Input((5,), dtype="int32")
    below = layers.Embedding(9, 4, mask_zero=True, name="cut")(taken)
    return Model(taken, layers.Dense(2)(below))


def of_any_length():
    taken = Input((None,), dtype="int32")
    below = layers.Embedding(9, 4, name="cut")(taken)
    return Model(taken, layers.Dense(2)(layers.LSTM(3)(below)))


def half_precision():
    return Sequential(
        [Input((4,)), layers.Dense(4, dtype="mixed_bfloat16", name="cut"), layers.Dense(2)]
    )


def two_outputs():
    taken = Input((4,))
    below = layers.Dense(4, name="cut")(taken)
    return Model(taken, [layers.Dense(2)(below), layers.Dense(3)(below)])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (nothing_to_train_below, "no layer up to 'cut' has weights to train"),
        (shared, "layer 'both' is used on both sides"),
        (raw_input_above, "input 'raw' is used above the cut"),
        (masked, "'cut' carries a mask"),
        (of_any_length, "give the inputs a fixed shape"),
        (half_precision, "layer 'cut' computes in bfloat16"),
        (two_outputs, "one output was expected, found 2"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_model_that_cannot_be_cut_there_is_refused_by_name(make, said) -> None:
    with pytest.raises(ModelError, match=said):
        cut_model(make(), "cut")


def test_a_layer_that_is_called_several_times_below_is_cut_above_all_its_calls() -> None:
    both, taken = layers.Dense(4, name="both"), Input((4,))
    model = Model(taken, layers.Dense(2)(layers.ReLU(name="cut")(both(both(taken)))))
    cut, inputs = cut_model(model, "cut"), images_for(model)
    found = outputs(cut.lower, cut.upper, None, 1, inputs)
    assert np.array_equal(found[0], called(model, inputs)[0])


def test_parts_of_other_weights_are_not_joined(models) -> None:
    cut = cut_model(models["paper_cnn"], "pool_2")
    lower, upper = weights_of(cut.lower), weights_of(cut.upper)
    with pytest.raises(WeightsError, match="not of the part"):
        join(cut.parts, [upper, lower], {})
    with pytest.raises(WeightsError, match="same weights"):
        join([cut.parts[0]] * 2, [lower, lower], {})
    with pytest.raises(WeightsError, match="take its own part"):
        divide(cut.parts[0], Weights({}))


def test_a_description_with_other_weights_is_not_built(models) -> None:
    lower, upper = cut_model(models["paper_cnn"], "pool_2").parts
    with pytest.raises(ModelError, match="other weights"):
        Part(lower.config, lower.seeds, upper.names).build()


def test_a_description_with_other_seeds_is_not_built(models) -> None:
    lower, upper = cut_model(models["paper_cnn"], "pool_2").parts
    with pytest.raises(ModelError, match="0 seed generators, 1 places"):
        Part(lower.config, upper.seeds).build()


BUILD = """
import json, sys
from fl_node.split.parts.part import Part
from fl_node.training.models import named_variables
from fl_node.training.state import SeedPlaces
config, places, names = json.load(sys.stdin)
print(json.dumps(list(named_variables(Part(config, SeedPlaces(places, 9), names).build()))))
"""


@pytest.mark.slow
def test_another_process_gives_the_weights_the_same_names(models) -> None:
    part = cut_model(models["branching"], "right").parts[0]
    given = json.dumps([part.config, part.seeds.places, dict(part.names)])
    command = [sys.executable, "-c", BUILD]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == list(part.names)
