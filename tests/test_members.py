"""Who takes part, from a file and from flags."""

import pytest

from fl_node.errors import SettingsError
from fl_node.members import MEMBERS_FILE, Members, read_members

FILE = 'header = "0xh"\n[nodes]\n1 = "0xa"\n2 = "0xb"\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / MEMBERS_FILE).write_text(FILE)
    return tmp_path


def test_the_file_names_header_and_nodes(folder):
    assert read_members(folder) == Members("0xh", {1: "0xa", 2: "0xb"})


def test_flags_go_before_the_file(folder):
    found = read_members(folder, "0xi", ["2=0xc", "3=0xd"])
    assert found == Members("0xi", {1: "0xa", 2: "0xc", 3: "0xd"})


def test_flags_do_without_a_file(tmp_path):
    assert read_members(tmp_path, "0xh", ["1=0xa"]) == Members("0xh", {1: "0xa"})


def test_a_plan_takes_the_nodes_it_has(folder):
    members = read_members(folder)
    assert members.for_nodes(1) == Members("0xh", {1: "0xa"})
    with pytest.raises(SettingsError, match="the plan has 3 nodes, node 3 has no account"):
        members.for_nodes(3)


@pytest.mark.parametrize("text", ["", "1", "1=", "=0xa", "0=0xa", "-1=0xa", "x=0xa", "1.0=0xa"])
def test_a_node_that_is_no_number_and_account_is_refused(folder, text):
    with pytest.raises(SettingsError, match="a node is given as N=ACCOUNT, found"):
        read_members(folder, nodes=[text])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no header's account"),
        ("header = 1", "no header's account"),
        ('header = "0xh"\nnodes = 1', r"should have a table \[nodes\]"),
        ('header = "0xh"\n[nodes]\n1 = 2', "a node is given as N=ACCOUNT, found 1=2"),
        ("header", "cannot be read as TOML"),
        ("a = " + "[" * 5000, "cannot be read as TOML"),
        (f'header = "0xh"\n[nodes]\n{"9" * 5000} = "0xa"', "a node is given as N=ACCOUNT"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused(tmp_path, content, message):
    (tmp_path / MEMBERS_FILE).write_text(content)
    with pytest.raises(SettingsError, match=message) as caught:
        read_members(tmp_path)
    assert "\n" not in str(caught.value)
