"""flnode bundle, and flnode audit of a bundle."""

import json

import pytest
from click.testing import CliRunner

from aggregator.audit_command import audit, bundle
from fl_node.config import Settings, save_settings
from fl_node.errors import BundleError, ProofError, SettingsError
from tests.embedded_host import embedded_host


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    host = embedded_host(tmp_path_factory.mktemp("host") / "home")
    host.federation.run_round(1, 2)
    return host


@pytest.fixture(scope="module")
def file(host, tmp_path_factory):
    place = tmp_path_factory.mktemp("bundle") / "small.bundle"
    assert "verifies it anywhere" in run(bundle, place, "-C", host.home).output
    return place


def run(command, *words):
    return CliRunner().invoke(command, list(map(str, words)), catch_exceptions=False)


def test_a_bundle_is_said_in_numbers(host, tmp_path):
    said = json.loads(run(bundle, tmp_path / "b", "-C", host.home, "--json").stdout)
    assert said["federation"] == host.federation.address
    assert said["bytes"] == (tmp_path / "b").stat().st_size
    assert (said["kind"], said["light"], said["absent"]) == ("unsealed", False, [])


def test_an_audit_of_it_needs_no_folder(file, host):
    said = json.loads(run(audit, "--bundle", file, "--json").stdout)
    assert (said["ok"], said["rounds_checked"], said["first_bad"]) == (True, 1, None)
    assert (said["kind"], said["anchored"], said["arithmetic"]) == ("unsealed", False, True)
    assert said["history"] == "0x" + host.federation.timeline().history.hex()


def test_the_lines_say_what_was_proven_and_what_not(file):
    said = run(audit, "--bundle", file).output
    assert "unsealed" in said
    assert "consistent, end not anchored" in said
    assert "audit ok: 1 round recomputed" in said


@pytest.mark.parametrize("prefix", ["0x", ""])
def test_an_anchor_is_a_hash_from_elsewhere(file, prefix):
    head = json.loads(run(audit, "--bundle", file, "--json").stdout)["head"]["hash"]
    anchor = prefix + head.removeprefix("0x")
    assert "anchored up to block" in run(audit, "--bundle", file, "--anchor", anchor).output


@pytest.mark.parametrize("anchor", ["", "0x12", "z" * 64, "0x" + "1" * 66])
def test_an_anchor_that_is_none_is_wrong_usage(file, anchor):
    result = run(audit, "--bundle", file, "--anchor", anchor)
    assert result.exit_code == 2
    assert "hexadecimal digits" in result.output


def test_what_is_demanded_is_refused_where_it_is_not(file):
    with pytest.raises(ProofError, match="unsealed"):
        run(audit, "--bundle", file, "--require", "clique")
    with pytest.raises(ProofError, match="neither a block nor a history"):
        run(audit, "--bundle", file, "--anchor", "1" * 64)


def test_a_light_one_says_that_the_arithmetic_was_not_checked(host, tmp_path):
    run(bundle, tmp_path / "light", "-C", host.home, "--light")
    with pytest.raises(BundleError, match="--light"):
        run(audit, "--bundle", tmp_path / "light")
    assert (
        "the arithmetic was not checked"
        in run(audit, "--bundle", tmp_path / "light", "--light").output
    )
    said = json.loads(run(audit, "--bundle", tmp_path / "light", "--light", "--json").stdout)
    assert (said["ok"], said["arithmetic"]) == (True, False)


@pytest.mark.parametrize("words", [["--light"], ["--require", "clique"], ["--anchor", "1" * 64]])
def test_options_of_a_bundle_want_one(host, words):
    assert run(audit, "-C", host.home, *words).exit_code == 2


def test_a_folder_without_a_federation_has_nothing_to_bundle(tmp_path):
    save_settings(tmp_path, Settings("embedded:chain.jsonl", "directory:store"))
    with pytest.raises(SettingsError, match="nothing to bundle"):
        run(bundle, tmp_path / "b", "-C", tmp_path)


def test_what_the_store_has_not_is_said_twice(host, tmp_path):
    lost = host.federation.timeline().rounds[1].updates[1].weights
    place = host.federation.place(lost)
    content = place.read_bytes()
    host.federation.store.drop(lost)
    try:
        said = run(bundle, tmp_path / "b", "-C", host.home).output
    finally:
        host.federation.store.put([content])
    assert f"left out, since the store has it not: {lost}" in said
    result = run(audit, "--bundle", tmp_path / "b")
    assert result.exit_code == 1
    assert f"not in the bundle, since the store had it not: {lost}" in result.output
    assert "round 1, node 1: bytes-erased" in result.output


def test_a_report_that_lies_is_found_without_weights(tmp_path):
    from dataclasses import replace

    from fl_node.rounds import Terms
    from tests.aggregator.falsify import Forgery, close_falsely, truth
    from tests.bundle.bundles import verified, written
    from tests.small_federation import small_federation

    def other_samples(outcome, updates):
        first, *rest = outcome.recomputable.admitted
        admitted = (replace(first, samples=first.samples + 1), *rest)
        changed = replace(outcome, recomputable=replace(outcome.recomputable, admitted=admitted))
        return truth(changed, updates)

    def no_report(outcome, updates):
        return Forgery(truth(outcome, updates).weights, None)

    def junk(outcome, updates):
        return Forgery(truth(outcome, updates).weights, b"junk")

    federation = small_federation(tmp_path / "f", terms=Terms(rounds=3))
    for lie in (other_samples, no_report, junk):
        federation.send(1, 2)
        close_falsely(federation, lie)
    written(federation, tmp_path / "b", light=True)
    found = verified(tmp_path / "b", light=True).audit
    assert [(each.round, each.reason) for each in found.findings] == [
        (number, "wrong-report") for number in (1, 2, 3)
    ]
    assert found.findings[0].detail.startswith("admitted should be")
    assert "without a report" in found.findings[1].detail
