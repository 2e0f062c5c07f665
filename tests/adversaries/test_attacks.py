"""Each attack of the table, against honest processes on a real network."""

import re
from pathlib import Path

import pytest

from aggregator.close import close
from fl_node.rounds import Terms
from tests.adversaries.scene import HEADER
from tests.adversaries.scenes.registry import SCENES, UNDISTURBED
from tests.adversaries.table import ATTACKS
from tests.small_federation import initial_weights, small_federation

pytestmark = pytest.mark.slow

_KEPT_BYTES, _DAEMON_BYTES = 4 * 2**20, 50 * 2**20
_ALLOWANCE_KIBIBYTES = 100 * 1024 + 2 * initial_weights().nbytes // 1024


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_found_and_traced_to_who_made_it(attack, played):
    said = played(attack.scene).said
    about = [trace for trace in said if trace.about == attack.name]
    for found in attack.found:
        showing = [trace for trace in about if trace.shows(found)]
        assert showing, f"{found} is none of {about}"
        assert all(names_none_but(attack, played, trace) for trace in showing)
        rounds = {trace.round for trace in showing}
        assert rounds == ({attack.round} if attack.round else all_rounds(attack, played))


def names_none_but(attack, played, trace) -> bool:
    """Tell whether the account that an audit names is the liar's."""
    named = re.findall(r"the header \((0x\w{40})\)", trace.words)
    return set(named) <= {played(attack.scene).actors[attack.name].account}


def all_rounds(attack, played) -> set[int]:
    return set(range(1, len(played(attack.scene).plays) + 1)) or {0}


@pytest.mark.parametrize("name", SCENES)
def test_nobody_honest_is_blamed(name, played):
    scene = played(name)
    blamed = {trace.about for trace in scene.said}
    assert blamed <= scene.liars_here


@pytest.mark.parametrize("name", SCENES)
def test_globals_are_those_of_an_undisturbed_run(name, played, tmp_path):
    scene = played(name)
    assert scene.globals[: len(scene.plays)] == undisturbed(tmp_path, scene.plays)


def undisturbed(folder: Path, plays) -> list:
    """Run the same federation in one process, with nobody in it who lies."""
    if not plays:
        return []
    terms = Terms(rounds=len(plays))
    small = small_federation(folder, nodes=max(map(max, plays)), terms=terms)
    return [closed_by_hand(small, each).model.weights for each in plays]


def closed_by_hand(small, nodes):
    small.send(*nodes)
    small.pass_seconds(small.timeline().terms.round_seconds)
    return close(small.closer())


@pytest.mark.parametrize("name", SCENES)
def test_honest_processes_neither_crash_nor_grow(name, played):
    usual = max(peak_kibibytes(role) for role in played(UNDISTURBED).honest_roles)
    for role in played(name).honest_roles:
        assert not [line for line in role.lines if "Traceback" in line], role.lines[-20:]
        assert peak_kibibytes(role) <= usual + _ALLOWANCE_KIBIBYTES


def peak_kibibytes(role) -> int:
    (line,) = [line for line in role.lines if line.startswith("peak ")]
    return int(line.split()[1])


@pytest.mark.parametrize("name", SCENES)
def test_honest_processes_keep_next_to_nothing_of_what_liars_serve(name, played):
    scene = played(name)
    for role in scene.honest_roles:
        kept = [each for each in scene.actors[role.name].home.rglob("*") if each.is_file()]
        assert sum(each.stat().st_size for each in kept) < _KEPT_BYTES


@pytest.mark.parametrize("name", ["updates", "serves"])
def test_an_honest_daemon_stays_small_beside_them(name, played, stage):
    played(name)
    held = [each for each in (stage.devnet / HEADER / "ipfs").rglob("*") if each.is_file()]
    assert sum(each.stat().st_size for each in held) < _DAEMON_BYTES
