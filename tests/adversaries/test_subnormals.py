"""Weights that many processors flush to zero are averaged as any others; nothing is to be found."""

import pytest

from aggregator.close import close
from fl_node.rounds import Terms
from tests.adversaries.lies.updates import as_subnormals
from tests.adversaries.scenes.admitted import COPIES, SUBNORMAL
from tests.small_federation import small_federation

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["admitted"])
def test_subnormals_are_averaged_bit_for_bit_and_nobody_is_blamed_for_them(name, played, tmp_path):
    scene = played(name)
    assert {trace.about for trace in scene.said} == {COPIES}
    assert SUBNORMAL in scene.liars_here
    small = small_federation(tmp_path, nodes=4, terms=Terms(rounds=1))
    small.send(1, 2)
    base = small.view("header").initial
    copied = small.trainer.train(base, node=1, round_=1, base_number=0).weights.tensors
    small.submit(3, tensors=copied, samples=100)
    small.submit(4, tensors=as_subnormals(dict(base.tensors)), samples=100)
    assert scene.globals[0] == close(small.closer()).model.weights
    assert scene.audit.ok
