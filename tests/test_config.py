"""Settings: defaults < file < environment < flags, and nothing unknown."""

import tomllib
from dataclasses import asdict, fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fl_node.config import FILE_NAME, Settings, load_settings, save_settings, settings_folder
from fl_node.errors import SettingsError

WHOLE = {"chain": "embedded:c", "store": "directory:s"}


def written(folder, text):
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path):
    return written(tmp_path, "".join(f'{key} = "{value}"\n' for key, value in WHOLE.items()))


def test_what_is_not_set_has_its_default(folder):
    assert load_settings(folder, {}) == Settings(**WHOLE)
    assert (Settings(**WHOLE).data, Settings(**WHOLE).threads) == ("mnist", 0)
    assert (Settings(**WHOLE).keep_rounds, Settings(**WHOLE).checkpoint_epochs) == (0, 1)


SAID_BY = {
    "default": ("", {}, {}, 0),
    "file": ("threads = 1", {}, {}, 1),
    "environment": ("threads = 1", {"FLNODE_THREADS": "2"}, {}, 2),
    "flags": ("threads = 1", {"FLNODE_THREADS": "2"}, {"threads": 3}, 3),
    "flags without a file's word": ("", {}, {"threads": 3}, 3),
    "a flag that was not given": ("threads = 1", {"FLNODE_THREADS": "2"}, {"threads": None}, 2),
}


@pytest.mark.parametrize(
    ("line", "environment", "flags", "expected"), SAID_BY.values(), ids=SAID_BY
)
def test_flags_go_before_environment_file_and_defaults(folder, line, environment, flags, expected):
    written(folder, (folder / FILE_NAME).read_text() + line)
    assert load_settings(folder, environment, flags).threads == expected


def test_every_setting_can_be_said_in_the_environment_and_by_a_flag(folder):
    said = {each.name: "7" if each.type is int else "x" for each in fields(Settings)}
    expected = Settings(**{key: int(v) if v == "7" else v for key, v in said.items()})
    environment = {f"FLNODE_{key.upper()}": value for key, value in said.items()}
    assert load_settings(folder, environment) == expected
    assert load_settings(folder, {}, asdict(expected)) == expected


def test_what_others_say_in_the_environment_is_not_a_setting(folder):
    environment = {"FLNODE_CACHE": "/tmp", "HOME": "/root", "flnode_threads": "3", "XFLNODE_A": "1"}
    assert load_settings(folder, environment) == Settings(**WHOLE)


ALLOWED = "there are: " + ", ".join(sorted(each.name for each in fields(Settings)))


@pytest.mark.parametrize(
    ("line", "environment", "flags", "key"),
    [
        ("theads = 1", {}, {}, "theads"),
        ("", {"FLNODE_THEADS": "1"}, {}, "theads"),
        ("", {}, {"theads": 1}, "theads"),
        ("[chain2]\nx = 1", {}, {}, "chain2"),
        ("", {"FLNODE_": "1"}, {}, ""),
    ],
)
def test_an_unknown_key_is_refused_with_the_allowed_ones(folder, line, environment, flags, key):
    written(folder, (folder / FILE_NAME).read_text() + line)
    with pytest.raises(SettingsError) as caught:
        load_settings(folder, environment, flags)
    assert str(caught.value) == f"unknown setting {key!r}; {ALLOWED}"


@pytest.mark.parametrize("left_out", [*WHOLE, None])
def test_missing_keys_are_named(tmp_path, left_out):
    kept = {key: value for key, value in WHOLE.items() if left_out not in {key, None}}
    written(tmp_path, "".join(f'{key} = "{value}"\n' for key, value in kept.items()))
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, {})
    named = left_out or "chain, store"
    assert str(caught.value) == f"{tmp_path / FILE_NAME} should set {named}: add it there"


@pytest.mark.parametrize(
    ("line", "environment", "flags", "message"),
    [
        ('threads = "many"', {}, {}, "setting 'threads' must be int, found 'many'"),
        ("threads = 1.5", {}, {}, "setting 'threads' must be int, found 1.5"),
        ("threads = true", {}, {}, "setting 'threads' must be int, found True"),
        ("threads = -1", {}, {}, "setting 'threads' must be 0 or more, found -1"),
        ("", {"FLNODE_THREADS": "-1"}, {}, "setting 'threads' must be int, found '-1'"),
        ("", {"FLNODE_THREADS": ""}, {}, "setting 'threads' must be int, found ''"),
        ("", {"FLNODE_THREADS": "1e3"}, {}, "setting 'threads' must be int, found '1e3'"),
        ("", {}, {"threads": -2}, "setting 'threads' must be 0 or more, found -2"),
        ("data = 3", {}, {}, "setting 'data' must be str, found 3"),
        ("data = ['a']", {}, {}, "setting 'data' must be str, found ['a']"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_its_key(folder, line, environment, flags, message):
    written(folder, (folder / FILE_NAME).read_text() + line)
    with pytest.raises(SettingsError) as caught:
        load_settings(folder, environment, flags)
    assert str(caught.value) == message


def test_a_folder_without_settings_is_no_federation(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(
            SettingsError, match=r"no federation here: .* name its folder"
        ) as caught:
            load_settings(folder, {})
        assert str(folder / FILE_NAME) in str(caught.value)


def test_a_file_that_is_no_toml_is_refused_in_one_line(tmp_path):
    for content in (b"chain = ", b"\xff\xfe", b"chain = 'a'\nchain = 'b'"):
        (tmp_path / FILE_NAME).write_bytes(content)
        with pytest.raises(SettingsError, match="cannot be read as TOML") as caught:
            load_settings(tmp_path, {})
        assert "\n" not in str(caught.value)
    (tmp_path / FILE_NAME).unlink()
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(SettingsError, match="cannot be read as TOML"):
        load_settings(tmp_path, {})


texts = st.text(st.characters(exclude_categories=["Cs"]))
all_settings = st.builds(
    Settings,
    **{
        each.name: st.integers(0, 2**31) if each.type is int else texts for each in fields(Settings)
    },
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(all_settings)
def test_what_is_saved_is_loaded_again(tmp_path, wanted):
    save_settings(tmp_path, wanted)
    assert load_settings(tmp_path, {}) == wanted


@pytest.mark.parametrize("odd", ['"', "\\", "\n", "\r\n", "\x7f", "\0", "é", "😀", "\u2028", "'''"])
def test_letters_that_toml_or_json_treat_apart_are_saved_and_loaded(tmp_path, odd):
    wanted = Settings(odd, f"a{odd}b", odd * 2, data=odd)
    save_settings(tmp_path, wanted)
    assert load_settings(tmp_path, {}) == wanted
    said = tomllib.loads((tmp_path / FILE_NAME).read_bytes().decode())
    assert set(said) == {"chain", "store", "federation", "data"}


def test_saving_replaces_the_file_whole(folder):
    save_settings(folder, Settings("a", "b", "c"))
    assert load_settings(folder, {}) == Settings("a", "b", "c")
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


def test_a_folder_that_is_not_there_is_an_error_of_one_line(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot write .*No such file") as caught:
        save_settings(tmp_path / "none", Settings("a", "b", "c"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["", "node-1", "devnet/node-1"])
def test_a_hosts_settings_are_found_in_its_folder_its_network_or_the_devnet(
    tmp_path, monkeypatch, place
):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    written(tmp_path / place, "")
    assert settings_folder(tmp_path, "node-1") == tmp_path / place
    monkeypatch.chdir(tmp_path)
    assert settings_folder(None, "node-1").resolve() == tmp_path / place


@pytest.mark.parametrize(
    "text", ["[" * 5000, "a" + ".a" * 5000 + " = 1", "threads = " + "9" * 5000]
)
def test_a_file_that_is_a_maze_is_one_line(tmp_path, text):
    with pytest.raises(SettingsError, match="cannot be read as TOML"):
        load_settings(written(tmp_path, text), {})


@pytest.mark.parametrize("value", ["9" * 5000, "٣", "1e3", "-1"])
def test_an_environment_variable_that_is_no_plain_number_is_refused(folder, value):
    with pytest.raises(SettingsError, match="setting 'threads' must be"):
        load_settings(folder, {"FLNODE_THREADS": value})


def test_a_network_without_the_host_names_those_it_has(tmp_path):
    for host in ("header", "node-1"):
        (tmp_path / "devnet" / host).mkdir(parents=True)
        written(tmp_path / "devnet" / host, "")
    with pytest.raises(SettingsError, match=r"no host node-9 in .*; there are header, node-1$"):
        settings_folder(tmp_path, "node-9")


def test_where_there_are_no_settings_the_folder_itself_is_named(tmp_path):
    assert settings_folder(tmp_path, "header") == tmp_path
