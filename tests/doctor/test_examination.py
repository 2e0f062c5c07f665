"""A host is examined: everything good, and one thing wrong at a time."""

import shutil
import time
from collections import namedtuple

import pytest

from fl_node.chain.accounts import new_account, read_password
from fl_node.chain.embedded import embedded_account
from fl_node.chain.transfer import transfer
from fl_node.doctor.chain_questions import apart_seconds
from fl_node.doctor.examination import examine, quick_checks
from tests.embedded_host import embedded_host

NOBODY = "0x" + "22" * 20
GOOD = [
    *("chain", "genesis", "sync", "keystore", "funded", "clock", "store", "test block"),
    *("contract", "federation", "registered", "plan", "disk", "room", "data"),
]
QUICK = [
    *("chain", "genesis", "sync", "contract", "registered", "funded", "clock", "store"),
    *("disk", "room", "data"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return embedded_host(tmp_path_factory.mktemp("made") / "host")


@pytest.fixture
def host(made, tmp_path):
    """A copy that a test may damage."""
    copy = type(made)(tmp_path / "host", made.federation)
    shutil.copytree(made.home, copy.home)
    return copy


def failed(checks):
    return {check.name: check for check in checks if not check.ok}


def test_a_good_host_passes_every_check(host):
    found = list(examine(host.home))
    assert [check.name for check in found] == GOOD
    assert not failed(found)
    told = {check.name: check.found for check in found}
    address = embedded_account("node 1").address
    assert told["registered"] == f"{address} is node 1"
    assert told["keystore"].startswith(f"node-1.json opens as {address}, owner.json opens as ")
    assert told["data"] == "4 samples from 'data.npz'"
    assert told["plan"] == f"{host.settings.plan} is accepted in the settings"


def test_looking_changes_nothing(host):
    before = {path: path.stat().st_mtime_ns for path in host.home.rglob("*") if path.is_file()}
    list(examine(host.home))
    assert {p: p.stat().st_mtime_ns for p in host.home.rglob("*") if p.is_file()} == before


def test_the_quick_form_asks_what_is_cheap(host):
    started = time.monotonic()
    found = list(quick_checks(host.home, host.settings, host.federation.view("node 1")))
    assert time.monotonic() - started < 5
    assert [check.name for check in found] == QUICK
    assert not failed(found)


def test_the_quick_form_needs_no_open_federation(host):
    found = list(quick_checks(host.home, host.settings))
    assert [check.name for check in found] == [name for name in QUICK if name != "room"]
    assert not failed(found)


def test_a_folder_without_settings_is_one_failed_check(tmp_path):
    (check,) = examine(tmp_path)
    assert (check.name, check.ok) == ("settings", False)
    assert "flnode.toml does not exist" in check.found


def test_a_host_of_no_federation_yet_is_well_and_told_what_is_next(host):
    host.change(federation="")
    found = list(examine(host.home))
    assert not failed(found)
    (only,) = (check for check in found if check.name == "federation")
    assert only.try_ == "flnode deploy PLAN.toml makes one, flnode join ADDRESS enters one"


def test_an_embedded_run_has_no_accounts_to_look_at(host):
    host.change(keystore="", owner_keystore="", password_file="")
    found = list(examine(host.home))
    assert not failed(found)
    assert not {"keystore", "registered", "funded", "plan"} & {check.name for check in found}


def chmod(path, mode):
    return lambda host: (host.home / path).chmod(mode)


def change(**settings):
    return lambda host: host.change(**settings)


def write(path, content):
    return lambda host: (host.home / path).write_bytes(content)


def another_account(host):
    password = read_password(host.home / "keys" / "password")
    new_account(host.home / "keys" / "new.json", password, light=True)
    host.change(keystore="keys/new.json")


DAMAGES = {
    "no chain": (change(chain="embedded:none"), "chain", "none"),
    "another kind of chain": (change(chain="c"), "chain", "setting 'chain' must be"),
    "no contract": (change(federation=NOBODY), "contract", "there is no contract at"),
    "no address": (change(federation="mine"), "contract", "an address has 0x"),
    "no store": (change(store="directory:none"), "store", "there is no folder"),
    "a keystore for all": (chmod("keys/node-1.json", 0o644), "keystore", "chmod 600"),
    "a folder for all": (chmod("keys", 0o755), "keystore", "open to others (mode 755)"),
    "a wrong password": (write("keys/password", b"guess\n"), "keystore", "does not open"),
    "no keystore": (change(keystore="none"), "keystore", "No such file"),
    "a stranger": (another_account, "registered", "neither the header nor a node"),
    "a poor stranger": (another_account, "funded", "covers 0 writes"),
    "no consent": (change(plan=""), "plan", "accepts no plan yet"),
    "no data": (change(data="none"), "data", "'none' was asked for"),
    "broken data": (write("data.npz", b"junk"), "data", "no .npz file"),
}


@pytest.mark.parametrize(("damage", "name", "text"), DAMAGES.values(), ids=DAMAGES)
def test_what_is_wrong_is_named_with_what_to_try(host, damage, name, text):
    damage(host)
    bad = failed(examine(host.home))
    assert text in bad[name].found
    assert bad[name].try_
    assert all("\n" not in check.found for check in bad.values())


def test_what_depends_on_the_chain_is_not_looked_at_without_it(host):
    host.change(chain="embedded:none")
    bad = failed(examine(host.home))
    assert {"chain", "sync", "contract", "federation", "registered", "data"} <= set(bad)
    assert bad["sync"].found == "not looked at, because chain failed"


def test_another_contract_at_the_address_is_told_from_ours(host, monkeypatch):
    monkeypatch.setattr("fl_node.doctor.chain_questions.is_federation", lambda _code: False)
    assert "bytes of another contract" in failed(examine(host.home))["contract"].found


@pytest.mark.parametrize(
    ("free", "names", "text"),
    [
        (2**29, {"disk"}, "0.5 GiB free, 1.0 are wanted for chain and logs"),
        (100, {"disk", "room"}, "0.0 GiB free, 0.0 are wanted for the 3 rounds to come"),
    ],
)
def test_a_full_disk_is_told_with_what_is_needed(host, monkeypatch, free, names, text):
    usage = namedtuple("Usage", "total used free")(10, 10, free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    bad = failed(examine(host.home))
    assert set(bad) == names
    assert text in [check.found for check in bad.values()]


def test_an_account_that_was_funded_is_well_again(host):
    another_account(host)
    assert "funded" in failed(examine(host.home))
    stranger = new_account(host.home / "keys" / "rich.json", "x", light=True)
    transfer(host.federation.chain, embedded_account("stranger"), stranger, 10**18)
    host.change(
        keystore="keys/rich.json", chain=f"embedded:{host.federation.folder / 'chain.jsonl'}"
    )
    assert "funded" not in failed(examine(host.home))


@pytest.mark.parametrize(
    ("before", "after", "timestamp", "apart"),
    [
        (100.0, 102.0, 101, 0.0),
        (100.9, 101.1, 101, 0.0),
        (100.9, 102.0, 100, 0.0),  # fixed a period before it was sealed
        (100.0, 102.0, 105, 3.0),
        (100.0, 102.0, 90, 9.0),
    ],
)
def test_clocks_are_apart_by_what_nothing_else_explains(before, after, timestamp, apart):
    assert apart_seconds(before, after, timestamp, 1) == pytest.approx(apart)
