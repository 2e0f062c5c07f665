"""The commands of one host: doctor, join, keys."""

import json

import pytest
from click.testing import CliRunner

from fl_node.chain.accounts import open_account, read_password
from fl_node.errors import KeystoreError, PlanError
from fl_node.host_command import doctor, join, keys
from tests.embedded_host import embedded_host

FIELDS = {"host", "name", "ok", "found", "try"}


def run(command, *arguments, told=None):
    done = CliRunner().invoke(command, [str(each) for each in arguments], input=told)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture
def host(tmp_path):
    return embedded_host(tmp_path / "host")


def test_the_doctor_of_a_good_host_ends_well(host):
    done = run(doctor, "-C", host.home)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "all is well"
    assert "FAIL" not in done.stdout


def test_the_doctor_of_a_bad_host_exits_with_1_and_says_what_to_try(host):
    host.change(plan="")
    done = run(doctor, "-C", host.home)
    assert done.exit_code == 1
    assert "FAIL  plan" in done.stdout
    assert "try: flnode join ADDRESS shows and accepts it" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 of 15 checks failed"


def test_the_doctor_names_what_could_not_be_looked_at_in_one_line(host):
    host.change(chain="http://127.0.0.1:9")
    done = run(doctor, "-C", host.home)
    assert done.exit_code == 1
    assert done.stdout.count("FAIL") < 4
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("  --")]
    assert line.startswith("  --    not looked at, because chain failed: genesis, sync, ")
    assert " could not be made then" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("ok", [True, False])
def test_a_program_gets_one_document_of_the_doctor(host, ok):
    if not ok:
        host.change(data="none")
    done = run(doctor, "-C", host.home, "--json")
    document = json.loads(done.stdout)
    assert done.exit_code == (0 if ok else 1)
    assert document["ok"] is ok
    assert all(set(check) == FIELDS for check in document["checks"])
    assert [c["name"] for c in document["checks"] if not c["ok"]] == ([] if ok else ["data"])


@pytest.mark.parametrize(("answer", "exit_code"), [("y\n", 0), ("n\n", 1)])
def test_joining_shows_what_is_trained_and_asks(host, answer, exit_code):
    plan = host.settings.plan
    host.change(federation="", plan="")
    done = run(join, host.federation.address, "-C", host.home, told=answer)
    assert done.exit_code == exit_code
    assert "what leaves this house" in done.stdout
    assert "this host is node 1" in done.stdout
    assert host.settings.plan == ("" if exit_code else plan)
    assert host.settings.federation == ("" if exit_code else host.federation.address)


def test_joining_takes_the_answer_beforehand(host):
    plan = host.settings.plan
    host.change(federation="", plan="")
    done = run(join, host.federation.address, "-C", host.home, "--accept", plan, "--json")
    document = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (document["plan"], document["accepted"], document["node"]) == (plan, True, 1)
    assert host.settings.plan == plan


def test_joining_refuses_another_plan_and_writes_nothing(host):
    host.change(federation="", plan="")
    with pytest.raises(PlanError, match="Qm1 was accepted"):
        run(join, host.federation.address, "-C", host.home, "--accept", "Qm1")
    assert host.settings.federation == ""


def test_a_program_that_accepts_nothing_gets_to_see_and_writes_nothing(host):
    host.change(federation="", plan="")
    document = json.loads(run(join, host.federation.address, "-C", host.home, "--json").stdout)
    assert (document["accepted"], document["settings"]) == (False, None)
    assert len(document["trained"]) == 3
    assert host.settings.federation == ""


def test_a_new_key_opens_with_the_password_that_was_typed_twice(tmp_path):
    file = tmp_path / "key.json"
    done = run(keys, "new", file, "--json", told="secret\nsecret\n")
    address = json.loads(done.stdout)["address"]
    assert open_account(file, "secret").address == address
    assert "secret" not in done.output
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_password_typed_differently_makes_no_key(tmp_path):
    done = run(keys, "new", tmp_path / "key.json", told="secret\nsecrte\n")
    assert done.exit_code == 1
    assert not (tmp_path / "key.json").exists()


@pytest.mark.parametrize("there", [True, False])
def test_a_password_file_is_used_or_made(tmp_path, there):
    password = tmp_path / "password"
    if there:
        password.write_text("mine\n")
        password.chmod(0o600)
    done = run(keys, "new", tmp_path / "key.json", "--password-file", password)
    address = open_account(tmp_path / "key.json", read_password(password)).address
    assert done.stdout == f"{address} is in {tmp_path / 'key.json'}\n"
    assert there is (read_password(password) == "mine")
    assert password.stat().st_mode & 0o777 == 0o600


def test_a_password_file_for_all_is_refused(tmp_path):
    (tmp_path / "password").write_text("mine\n")
    (tmp_path / "password").chmod(0o644)
    with pytest.raises(KeystoreError, match="chmod 600"):
        run(keys, "new", tmp_path / "key.json", "--password-file", tmp_path / "password")
    assert not (tmp_path / "key.json").exists()


def test_a_key_is_never_overwritten_and_nobody_is_asked(tmp_path):
    file = tmp_path / "key.json"
    file.write_text("precious")
    with pytest.raises(KeystoreError, match="never overwritten"):
        run(keys, "new", file, "--password-file", tmp_path / "password")
    assert file.read_text() == "precious"
    assert not (tmp_path / "password").exists()
