"""A host goes into a backup whole, and goes on from it."""

import fcntl
import json
import socket
import subprocess
import sys

import pytest
from click import UsageError
from click.testing import CliRunner

from fl_node.backup.host import back_up, restore
from fl_node.backup.manifest import BackupError
from fl_node.config import save_settings
from fl_node.connect import connect, open_ledger, open_signer
from fl_node.doctor.examination import examine
from fl_node.errors import SettingsError
from fl_node.host_command import backup as backup_command
from fl_node.host_command import restore as restore_command
from fl_node.network.host import save_network
from tests.embedded_host import embedded_host
from tests.test_hosts import network

HOLD = """
import fcntl, sys
with open(sys.argv[1], "r+b") as stream:
    fcntl.lockf(stream, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


def silent(_line):
    return None


@pytest.fixture
def host(tmp_path):
    made = embedded_host(tmp_path / "host")
    made.federation.run_round(1, 2)
    return made


@pytest.fixture
def file(tmp_path):
    return tmp_path / "backup.tar"


def test_a_restored_host_goes_on_with_the_same_keys_chain_and_store(host, file, tmp_path):
    had = host.settings
    back_up(host.home, file, silent)
    host.home.rename(tmp_path / "gone")
    again = tmp_path / "elsewhere"
    restore(file, again)
    settings, federation = connect(again)
    assert settings == had
    latest = federation.ledger.snapshot().latest
    assert latest == host.federation.ledger("owner").snapshot().latest
    assert federation.weights(latest.weights)
    signer = open_signer(again, settings, "owner_keystore")
    open_ledger(again, settings, signer).extend(9)
    assert connect(again)[1].ledger.snapshot().round.number == 2
    (tmp_path / "gone" / "data.npz").rename(again / "data.npz")
    assert all(check.ok for check in examine(again))


def test_it_holds_the_host_and_neither_data_nor_what_is_unfinished(host, file):
    (host.home / "store" / "incoming").mkdir(exist_ok=True)
    (host.home / "store" / "incoming" / "half").write_bytes(b"x")
    (host.home / "logs").mkdir()
    done = back_up(host.home, file, silent)
    paths = {entry.path for entry in done.manifest.files}
    assert {"flnode.toml", "chain.jsonl", "keys/node-1.json", "keys/owner.json"} <= paths
    assert {"keys/password"} <= paths
    assert sum(path.startswith("store/") for path in paths) == 6
    assert not paths & {"data.npz", "store/incoming/half"}
    assert not {"logs", "store/incoming"} & set(done.manifest.folders)
    assert (done.left_out, done.stopped, done.manifest.host) == ((), False, "host")


def test_what_the_settings_have_elsewhere_is_named_and_left_there(host, file, tmp_path):
    outside = tmp_path / "password"
    (host.home / "keys" / "password").rename(outside)
    host.change(password_file=str(outside))
    done = back_up(host.home, file, silent)
    assert done.left_out == (str(outside),)
    assert "keys/password" not in {entry.path for entry in done.manifest.files}


def test_a_way_around_leads_to_the_same_file_once(host, file):
    host.change(password_file="../host/keys/password")
    done = back_up(host.home, file, silent)
    assert done.left_out == ()
    assert [entry.path for entry in done.manifest.files].count("keys/password") == 1


def test_a_folder_without_settings_is_no_host(tmp_path, file):
    with pytest.raises(SettingsError, match=r"flnode\.toml does not exist"):
        back_up(tmp_path, file, silent)


def link(host):
    (host.home / "keys" / "link").symlink_to("/etc/hosts")


def link_of_a_folder(host):
    (host.home / "cache").symlink_to("/etc")


def dangling_link(host):
    (host.home / "geth").symlink_to("nowhere")


def unix_socket(host):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(host.home / "keys" / "s"))


@pytest.mark.parametrize("special", [link, link_of_a_folder, dangling_link, unix_socket])
def test_what_is_neither_file_nor_folder_is_refused_by_name(host, file, special):
    special(host)
    with pytest.raises(BackupError, match="neither a file nor a folder"):
        back_up(host.home, file, silent)
    assert not file.exists()


def test_nothing_is_written_over_another_backup(host, file):
    file.write_bytes(b"precious")
    with pytest.raises(BackupError, match="is there already"):
        back_up(host.home, file, silent)
    assert file.read_bytes() == b"precious"


@pytest.mark.parametrize("there", ["folder", "file", "link"])
def test_nothing_is_restored_over_what_is_there(host, file, tmp_path, there):
    back_up(host.home, file, silent)
    place = tmp_path / "there"
    if there == "folder":
        place.mkdir()
    elif there == "file":
        place.write_bytes(b"precious")
    else:
        place.symlink_to("nowhere")
    with pytest.raises(BackupError, match="is there already"):
        restore(file, place)


def test_a_folder_that_geth_has_open_is_not_read(host, file):
    lock = host.home / "geth" / "geth" / "LOCK"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with lock.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BackupError, match=r"a daemon has .*LOCK open"):
            back_up(host.home, file, silent)
    back_up(host.home, file, silent)


def test_a_folder_that_kubo_has_open_is_not_read(host, file):
    lock = host.home / "ipfs" / "repo.lock"
    lock.parent.mkdir()
    lock.touch()
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BackupError, match=r"a daemon has .*repo\.lock open"):
            back_up(host.home, file, silent)
        holder.stdin.close()
    back_up(host.home, file, silent)


def run(command, *arguments):
    done = CliRunner().invoke(command, [str(each) for each in arguments], standalone_mode=False)
    if done.exception:
        raise done.exception
    return done


def test_the_commands_tell_what_they_did(host, file, tmp_path):
    told = json.loads(run(backup_command, file, "-C", host.home, "--json").stdout)
    assert told["file"] == str(file)
    assert (told["host"], told["left_out"], told["stopped"]) == ("host", [], False)
    again = json.loads(run(restore_command, file, "-C", tmp_path / "again", "--json").stdout)
    assert again["files"] == told["files"] > 8
    assert again["bytes"] == told["bytes"]


def test_the_commands_tell_people_too(host, file, tmp_path):
    assert f"{file} holds host: " in run(backup_command, file, "-C", host.home).stdout
    told = run(restore_command, file, "-C", tmp_path / "again").stdout
    assert told.startswith(f"{tmp_path / 'again'} is host again: ")


def test_of_a_network_one_host_has_to_be_named(tmp_path, host, file):
    for name in ("header", "node-1"):
        (tmp_path / "net" / name).mkdir(parents=True)
        save_settings(tmp_path / "net" / name, host.settings)
    save_network(tmp_path / "net", network())
    with pytest.raises(UsageError, match="name one of these with --host: header, node-1"):
        run(backup_command, file, "-C", tmp_path / "net")
