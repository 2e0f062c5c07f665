"""The command line as a whole: help, usage, errors in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fl_node.cli import COMMANDS, main

RUN = "import sys; from fl_node.cli import main; main()"
HEAVY = ("tensorflow", "keras", "web3", "matplotlib", "eth_tester")


def flnode(*arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_lists_every_command() -> None:
    done = flnode("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom fl_node.cli import main\nsys.argv = ['flnode', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    shown = capsys.readouterr().out
    assert "Examples:" in shown or "Commands:" in shown


@pytest.mark.parametrize(
    "arguments", [("nope",), ("status", "--nope"), ("demo", "--images", "many"), ("export",)]
)
def test_wrong_usage_exits_with_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert "Error:" in capsys.readouterr().err


def test_an_error_is_one_line_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("status", "--folder", str(tmp_path)) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "flnode.toml does not exist; name its folder with --folder" in shown.err


def test_with_json_an_error_is_a_document_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("status", "--json", "--folder", str(tmp_path)) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "SettingsError"


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = flnode("--debug", "status", "--folder", str(tmp_path))
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_an_error_of_the_disk_names_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run("demo", "--folder", str(tmp_path / "file" / "demo")) == 1
    assert f"{tmp_path}/file/demo: Not a directory; check the path" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    from fl_node import __version__

    assert run("--version") == 0
    assert __version__ in capsys.readouterr().out


def run(*arguments: str) -> int:
    """Run the command line in this process and give its exit status."""
    before = sys.argv
    sys.argv = ["flnode", *arguments]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0
