"""A real devnet is examined, grows, shrinks, and loses a host that comes back from a backup."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from fl_node.backup.host import back_up, restore
from fl_node.chain.vitals import Vitals
from fl_node.config import load_settings, save_settings
from fl_node.connect import open_chain
from fl_node.doctor import chain_questions
from fl_node.doctor.examination import examine, quick_checks
from fl_node.growth.nodes import add_node, remove_node
from fl_node.growth.votes import vote, voters
from fl_node.host_command import doctor
from fl_node.hosts import homes_of
from fl_node.joining import look_at
from fl_node.network import devnet, kubo
from fl_node.network.host import load_network, save_network
from fl_node.network.sealers import sealers_of
from fl_node.network.supervision import processes
from fl_node.rounds import Terms
from tests.devnet.story import deploy_small, wait_until
from tests.network.networks import host as made_up_host

pytestmark = pytest.mark.slow

TERMS = Terms(rounds=3, round_seconds=3600, grace_seconds=3600)
NOBODY = "0x" + "22" * 20
QUICK_SECONDS = 0.3


def quiet(_line):
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("administration") / "devnet"
    devnet.up(place, quiet)
    try:
        yield place
    finally:
        devnet.down(place)


@pytest.fixture(scope="module")
def story(folder, tmp_path_factory):
    """A federation that every host belongs to."""
    told = deploy_small(folder, tmp_path_factory.mktemp("logs"), TERMS)
    for home in homes_of(folder, None).values():
        rows = np.arange(12, dtype=np.float32).reshape(4, 3)
        np.savez(home / "data.npz", x=rows, y=rows)
        settings = replace(load_settings(home, environment={}), data="data.npz")
        save_settings(home, settings)
        look_at(home, told.address).accept()
    yield told
    told.stop()


@pytest.fixture
def lone(folder, story, tmp_path):
    """What the doctor of node 1 looks at, to be tampered with; its daemons stay the devnet's."""
    home = tmp_path / "node-1"
    shutil.copytree(folder / "node-1", home, ignore=shutil.ignore_patterns("geth", "blocks", "run"))
    return home


def failed(checks):
    return {check.name: check for check in checks if not check.ok}


def change(**settings):
    def act(home, network):
        save_settings(home, replace(load_settings(home, environment={}), **settings))

    return act


def said(**facts):
    return lambda home, network: save_network(home, replace(network, **facts))


def another_host(home, network):
    save_network(home, replace(network, hosts=(*network.hosts, made_up_host("node-7", 7))))


def swapped(home, network):
    host = network.host("node-1")
    chain = f"http://127.0.0.1:{host.ports.api}"
    store = f"ipfs:/ip4/127.0.0.1/tcp/{host.ports.rpc}"
    change(chain=chain, store=store)(home, network)


def another_key(home, network):
    (home / "ipfs" / "swarm.key").write_bytes(kubo.new_swarm_key())


def open_key(home, network):
    (home / "ipfs" / "swarm.key").chmod(0o644)


CHAIN_DEPENDENTS = {"genesis", "peers", "sync", "sealing", "contract", "funded", "clock"}
TAMPERED = {
    "another chain id": (said(chain_id=7), {"chain"}, CHAIN_DEPENDENTS),
    "other sealers": (said(sealers=(NOBODY,)), {"genesis"}, {"peers"}),
    "a host that is away": (another_host, {"peers", "swarm"}, set()),
    "no geth": (change(chain="http://127.0.0.1:9"), {"chain"}, CHAIN_DEPENDENTS),
    "no kubo": (change(store="ipfs:/ip4/127.0.0.1/tcp/9"), {"store"}, {"swarm", "test block"}),
    "geth and kubo swapped": (swapped, {"chain", "store"}, CHAIN_DEPENDENTS | {"swarm"}),
    "another swarm key": (another_key, {"swarm key"}, set()),
    "a swarm key for all": (open_key, {"swarm key"}, set()),
    "no contract": (change(federation=NOBODY), {"contract"}, {"federation", "registered", "plan"}),
}


def test_every_host_of_a_good_devnet_is_well(folder, story):
    done = CliRunner().invoke(doctor, ["-C", str(folder), "--json"])
    document = json.loads(done.stdout)
    assert [check for check in document["checks"] if not check["ok"]] == []
    assert {check["host"] for check in document["checks"]} == {"header", "node-1", "node-2"}
    found = {check["name"]: check["found"] for check in document["checks"]}  # of node-2
    assert found["test block"].startswith("stored here, fetched by header, node-1 within ")
    assert found["swarm"] == "connected with header, node-1"
    assert found["registered"].endswith(" is node 2")
    assert found["peers"] == "connected with 2 of 2 other hosts"


def test_the_quick_form_is_quick(folder, story):
    home = folder / "node-1"
    settings, federation = load_settings(home), story.view("node-1")
    seconds = []
    for _ in range(5):
        started = time.monotonic()
        assert not failed(quick_checks(home, settings, federation))
        seconds.append(time.monotonic() - started)
    assert sorted(seconds)[2] < QUICK_SECONDS


def test_a_host_alone_stores_and_reads_back_and_names_its_peers(lone):
    found = {check.name: check for check in examine(lone)}
    assert not failed(found.values())
    assert found["test block"].found == "stored and read back; connected are header, node-2"


@pytest.mark.parametrize(("tamper", "names", "skipped"), TAMPERED.values(), ids=TAMPERED)
def test_one_thing_wrong_is_one_check_and_what_builds_on_it(lone, tamper, names, skipped):
    tamper(lone, load_network(lone))
    bad = failed(examine(lone))
    looked = {name for name, check in bad.items() if not check.found.startswith("not looked at")}
    assert looked == names
    assert skipped <= set(bad) - looked
    assert all(check.try_ and "\n" not in check.found for check in bad.values())


def test_a_clock_that_is_wrong_is_measured_on_a_block_of_ones_own(lone, monkeypatch):
    wrong = SimpleNamespace(time=lambda: time.time() + 3600, monotonic=time.monotonic, sleep=quiet)
    monkeypatch.setattr(chain_questions, "time", wrong)
    (clock,) = failed(examine(lone)).values()
    assert clock.name == "clock"
    assert 3590 < float(clock.found.split()[7]) < 3600


def test_a_host_with_dead_daemons_is_told_what_to_start(folder, story):
    devnet.down(folder)
    try:
        bad = failed(examine(folder / "node-1"))
        assert {"chain", "store", "test block", "federation"} <= set(bad)
        assert "flnode devnet up" in bad["chain"].try_
        assert not {"disk", "keystore", "swarm key"} & set(bad)
    finally:
        devnet.up(folder, quiet)


def test_a_backup_of_a_host_that_runs_brings_back_its_chain_store_and_keys(folder, story, tmp_path):
    home = folder / "node-1"
    height = Vitals(open_chain(home, load_settings(home))).newest().number
    lines = []
    done = back_up(home, tmp_path / "node-1.tar", lines.append)
    assert (done.stopped, done.manifest.host) == (True, "node-1")
    assert lines[0].startswith("stopping all daemons of ")
    wait_until(lambda: {each.state for each in processes(folder)} == {"RUNNING"}, "all run again")
    devnet.down(folder)
    home.rename(tmp_path / "lost")
    restore(tmp_path / "node-1.tar", home)
    (tmp_path / "lost" / "data.npz").rename(home / "data.npz")
    devnet.up(folder, quiet)
    assert not failed(examine(home))
    assert Vitals(open_chain(home, load_settings(home))).newest().number > height
    assert story.view("node-1").ledger.federation == story.address


def test_a_node_joins_trains_seals_and_leaves_again(folder, story):
    header = folder / "header"
    added = add_node(header, 3, None, None, quiet)
    assert (added.registered, added.folder, added.funded_wei) == (
        True,
        folder / "node-3",
        50 * 10**18,
    )
    settings, lines = load_settings(folder / "node-3", environment={}), []
    save_settings(folder / "node-3", replace(settings, data="mnist"))
    again = add_node(header, 3, None, None, lines.append)
    save_settings(folder / "node-3", settings)
    assert " parts, none for node 3: name data of its own in " in lines[-1]
    assert (again.registered, again.funded_wei, again.account) == (False, 0, added.account)
    assert again.steps == added.steps
    shutil.copy(folder / "node-1" / "data.npz", folder / "node-3")
    assert not failed(examine(folder / "node-3"))

    story.start("header", "node-1", "node-2", "node-3")
    story.wait_for_round(3)
    for role in story.roles.values():
        role.kill()
    rounds = story.timeline().rounds
    assert sorted(rounds[1].members) == [1, 2]
    assert sorted(rounds[2].updates) == [1, 2, 3]

    sealer = load_network(folder).host("node-3").sealer.lower()
    running = voters(homes_of(folder, None))
    assert sorted(running) == ["header", "node-1", "node-2", "node-3"]
    assert vote(running, sealer, seals=True, seconds=30)
    assert sealer in map(str.lower, sealers_of(folder, "header"))

    key = (folder / "swarm.key").read_bytes()
    removed = remove_node(header, 3, quiet, reopen=True)
    assert (removed.revoked, removed.reopened, removed.voted_out) == (True, 3, True)
    assert removed.steps == ()
    assert sealer not in map(str.lower, sealers_of(folder, "node-1"))
    assert (folder / "swarm.key").read_bytes() != key
    assert not (folder / "node-3").exists()
    assert not any(failed(examine(home)) for home in homes_of(folder, None).values())

    story.start("header", "node-1", "node-2")
    for host in ("header", "node-1", "node-2"):
        story.roles[host].end()
    assert story.audit().ok


def test_a_join_of_a_host_needs_the_address_only(folder, story):
    home = folder / "node-2"
    had = load_settings(home, environment={})
    change(federation="", plan="")(home, None)
    offer = look_at(home, story.address)
    offer.accept()
    assert offer.node == 2
    assert load_settings(home, environment={}) == had
    assert Path(home / "flnode.toml").is_file()
