"""Kept steps are computed again with each party's own code, and who sent others is named."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from fl_node.split import data_owner
from fl_node.split.audit.finding import CONTRADICTED, REPRODUCED, UNVERIFIABLE, Reason, Who
from fl_node.split.audit.replay import difference
from fl_node.split.audit.steps import tolerance_of
from fl_node.split.parts.provider_step import ProviderStep
from fl_node.split.record.phase import Party
from fl_node.split.record.retention import Retention
from fl_node.split.wire.codecs.registry import codec_names
from tests.split.audit_duet import Played, draft

pytestmark = pytest.mark.slow

EMA = {"optimizer": {"name": "Adam", "learning_rate": 0.003, "use_ema": True}, "epochs": 1}
SHAPED = {"keep_from": "narrow", "wire": "int8", "retention": "0.5", "snapshot_steps": 3}


@pytest.fixture(scope="module")
def vanilla(tmp_path_factory):
    return Played(tmp_path_factory.mktemp("vanilla"), draft())


@pytest.fixture(scope="module")
def shaped(tmp_path_factory):
    """A sample is kept, weights are averaged at the end, and the wire rounds."""
    return Played(tmp_path_factory.mktemp("shaped"), draft(EMA, **SHAPED), epochs=1)


@pytest.fixture(scope="module")
def crooked(tmp_path_factory):
    """The provider sends other gradients in step 3, the node other activations in step 4."""
    labelled, step = data_owner._Exchange.labelled, ProviderStep.step
    count = Counter()

    def more(exchange, cut, targets):
        return labelled(exchange, [each * 1.01 for each in cut], targets)

    def worse(provider, cut, targets, answer):
        count["steps"] += 1
        factor = 2 if count["steps"] == 3 else 1
        step(provider, cut, targets, lambda sent, said: answer([g * factor for g in sent], said))

    def chosen(exchange, cut, targets):
        return (more if exchange._step == 4 else labelled)(exchange, cut, targets)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(data_owner._Exchange, "labelled", chosen)
        patched.setattr(ProviderStep, "step", worse)
        return Played(tmp_path_factory.mktemp("crooked"), draft(), epochs=1)


def found(audit):
    return {(each.reason, each.who, each.epoch, each.step) for each in audit.findings}


def verdicts(audit, *whats):
    return [each for each in audit.verdicts if each.what in whats]


def test_what_both_did_comes_out_again_bit_for_bit(vanilla):
    audit = vanilla.audit()
    assert audit.ok
    assert {each.verdict for each in audit.verdicts} == {REPRODUCED}
    told = Counter((each.who, each.what) for each in audit.verdicts if each.difference == 0)
    assert told[Who.NODE, "activations"] == told[Who.PROVIDER, "gradients"] == 2 * 6
    assert told[Who.NODE, "evaluation"] == told[Who.PROVIDER, "outputs"] == 2
    assert told[Who.NODE, "start"] == told[Who.PROVIDER, "start"] == 2
    # After steps 2 and 4, and twice after the last: before it is kept as the epoch's.
    assert told[Who.NODE, "state"] == told[Who.PROVIDER, "state"] == 2 * 4 + 2


def test_a_sample_comes_out_again_to_the_averages_at_the_end(shaped):
    audit = shaped.audit()
    assert audit.ok
    assert {each.verdict for each in audit.verdicts} == {REPRODUCED}
    (recorded,) = shaped.scene.given
    signatures = [shaped.scene.signature(party, recorded) for party in Party]
    kept = Retention.parse("0.5").kept_steps(recorded.root, *signatures, recorded.steps)
    for party in Who.NODE, Who.PROVIDER:
        steps = {each.step for each in audit.verdicts if each.who == party}
        assert kept <= steps
    whats = {each.what for each in verdicts(audit, "features", "feature-gradients", "gradients")}
    assert whats == ({"features", "feature-gradients", "gradients"} if kept - {7} else set())


def test_falsified_gradients_and_activations_that_were_signed_convict_their_senders(crooked):
    audit = crooked.audit()
    assert found(audit) == {
        (Reason.CONTRADICTED, Who.PROVIDER, 1, 3),
        (Reason.CONTRADICTED, Who.NODE, 1, 4),
    }
    wrong = {
        (each.who, each.what, each.step) for each in audit.verdicts if each.verdict != REPRODUCED
    }
    assert wrong == {(Who.PROVIDER, "gradients", 3), (Who.NODE, "activations", 4)}
    by_provider, by_node = sorted(audit.findings, key=lambda each: each.step)
    assert "cut/0 differs by 0.5 of its largest magnitude" in by_provider.detail
    assert "cut/0 differs by 0.0099 of its largest magnitude" in by_node.detail


def test_labels_that_are_not_those_of_the_data_convict_the_node(vanilla):
    targets = vanilla.data.targets.copy()
    targets[:] = (targets + 1) % 3
    other = vanilla.data_owner_with(replace(vanilla.data, targets=targets))
    audit = vanilla.audit(data_owner=other, tolerance=0.5)
    assert {each.who for each in audit.findings} == {Who.NODE}
    assert audit.first_bad.step == 1
    assert "targets differs by inf" in audit.first_bad.detail


def test_other_inputs_than_were_trained_on_convict_the_node(vanilla):
    inputs = tuple(each[::-1].copy() for each in vanilla.data.inputs)
    other = vanilla.data_owner_with(replace(vanilla.data, inputs=inputs))
    audit = vanilla.audit(data_owner=other, tolerance=0.1)
    assert {(each.reason, each.who) for each in audit.findings} == {(Reason.CONTRADICTED, Who.NODE)}
    assert {each.verdict for each in verdicts(audit, "activations")} == {CONTRADICTED}
    assert {each.verdict for each in verdicts(audit, "gradients", "outputs")} == {REPRODUCED}


def test_another_number_of_samples_is_said(vanilla):
    fewer = replace(
        vanilla.data,
        inputs=tuple(each[:16] for each in vanilla.data.inputs),
        targets=vanilla.data.targets[:16],
    )
    audit = vanilla.audit(data_owner=vanilla.data_owner_with(fewer))
    assert {(each.reason, each.who) for each in audit.findings} == {(Reason.OTHER_DATA, Who.NODE)}
    assert {each.verdict for each in verdicts(audit, "activations")} == {UNVERIFIABLE}


def test_without_the_data_and_the_upper_part_nothing_is_recomputed(vanilla):
    folder = vanilla.scene.home(Party.PROVIDER) / "split" / str(vanilla.draft.plan.cid)
    away = folder.rename(folder.with_name("away"))
    try:
        audit = vanilla.audit(data_owner=None)
    finally:
        away.rename(folder)
    assert audit.ok
    words = Counter(each.verdict for each in verdicts(audit, "activations", "gradients", "outputs"))
    assert words == {UNVERIFIABLE: 2 * 6 + 2 * 6 + 2}


def test_another_upper_part_than_the_plan_commits_to_convicts_the_provider(vanilla):
    folder = vanilla.scene.home(Party.PROVIDER) / "split" / str(vanilla.draft.plan.cid)
    path = folder / "upper.safetensors"
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        audit = vanilla.audit(data_owner=None)
    finally:
        path.write_bytes(before)
    assert {(each.reason, each.who) for each in audit.findings} == {
        (Reason.WRONG_UPPER, Who.PROVIDER)
    }


@pytest.fixture
def other_state(vanilla):
    """The provider's folder has another state after step 2 than it had."""
    path = vanilla.scene.journal_folder(Party.PROVIDER, 1) / "snapshot-2.safetensors"
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))  # the exponent of a weight
    yield vanilla
    path.write_bytes(before)


def test_another_state_than_comes_out_convicts_whoever_kept_it(other_state):
    audit = other_state.audit(data_owner=None)
    assert (Reason.CONTRADICTED, Who.PROVIDER, 1, 2) in found(audit)
    assert {each.who for each in audit.findings} == {Who.PROVIDER}


def test_on_another_kind_of_machine_a_state_convicts_nobody(other_state):
    audit = other_state.audit(data_owner=None, tolerance=1e-9)
    wrong = [each for each in verdicts(audit, "state") if each.verdict != REPRODUCED]
    assert (wrong[0].epoch, wrong[0].step) == (1, 2)
    assert {each.verdict for each in wrong} == {UNVERIFIABLE}
    assert not any(each.detail.startswith("state") for each in audit.findings)


def test_every_wire_has_a_tolerance():
    assert all(0 < tolerance_of(name) < 1 for name in codec_names())


REAL = np.array([1.0, -4.0], np.float32)


@pytest.mark.parametrize(
    ("name", "mine", "kept", "relative"),
    [
        ("cut/0", REAL, REAL, 0.0),
        ("cut/0", REAL + np.float32([0.5, 0]), REAL, 0.125),
        ("cut/0", REAL * 0, REAL, 1.0),
        ("cut/0", REAL * 0, REAL * 0, 0.0),
        ("seeds", np.array([1, 2]), np.array([1, 3]), np.inf),
        ("targets", REAL + np.float32(1e-6), REAL, np.inf),
        ("loss", np.array(np.inf), np.array(np.inf), 0.0),
        ("loss", np.array(1.0), np.array(np.inf), np.inf),
    ],
)
def test_differences_are_relative_to_the_largest_magnitude(name, mine, kept, relative):
    found = difference({name: mine, "z": REAL}, {name: kept, "z": REAL})
    assert found.relative == pytest.approx(relative)
    assert found.name == (name if relative else "")
