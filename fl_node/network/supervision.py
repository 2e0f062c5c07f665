"""Daemons that are started again when they die; supervisor is used here only."""

import os
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from supervisor.xmlrpc import SupervisorTransport

from fl_node.errors import DaemonError
from fl_node.network.host import Network, network_bytes
from fl_node.network.private import (
    forget_runtime,
    keep,
    private_folder,
    runtime_folder,
    runtime_place,
)
from fl_node.network.toolchain import last_line

CONFIG = "supervisor.conf"
RUNNING = "RUNNING"
_UNDER_WAY = ("RUNNING", "STARTING", "BACKOFF")
_SOCKET = "supervisor.sock"
_ENDING = [b""]  # its memory is gone, its ports are not yet
_START_SECONDS, _STOP_SECONDS, _POLL_SECONDS = 15.0, 60.0, 0.02
_LOG_BYTES = 5_000_000
# Ever longer pauses between them, together half an hour, then it is given up as FATAL.
_RESTARTS = 60
_KILL_SECONDS = 10  # one that does not end is killed; none loses what it has written
# A word of each command line, so that an orphan is known from a shell in the same folder.
_MARKS = {b"supervisor.supervisord", b"--mine", b"--migrate=false"}


@dataclass(frozen=True)
class Program:
    """What is kept running.

    :ivar command: run in the network's folder
    :ivar log: relative to that folder
    """

    name: str
    command: tuple[str, ...]
    log: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    """How a program is.

    :ivar state: supervisor's word, such as ``RUNNING`` or ``BACKOFF``
    :ivar pid: 0 when there is no process
    """

    name: str
    state: str
    pid: int


def facts(network: Network) -> str:
    """Give what changes whenever the daemons have to be started anew."""
    return f"network.json has the SHA-256 {sha256(network_bytes(network)).hexdigest()}"


def supervise(folder: Path, programs: Sequence[Program], facts: str) -> bool:
    """Make sure that these programs run as they are described; say whether anything changed.

    :param facts: what else the programs' files depend on: a change restarts all
    :raises DaemonError: when they cannot be started
    """
    place = runtime_folder(folder)
    private_folder(folder / "logs")
    content = _config(place / _SOCKET, programs, facts)
    alive = processes(folder)
    if alive and not keep(folder / CONFIG, content):
        return _start_stopped(folder, alive)
    stop(folder)
    runtime_folder(folder)
    keep(folder / CONFIG, content)
    _start(folder)
    return True


def stop(folder: Path) -> bool:
    """Stop all programs and what supervises them; say whether anything ran.

    :raises DaemonError: when they do not end in time
    """
    ran = bool(processes(folder))
    if ran:
        with _server(folder) as server:
            server.shutdown()
        _wait(folder, lambda: not processes(folder) and not family(folder), _STOP_SECONDS, "end")
    left = family(folder)
    for pid in left:  # of a supervisor that was killed
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    _wait(folder, lambda: not family(folder), _STOP_SECONDS, "end")
    forget_runtime(folder)
    return ran or bool(left)


def stop_program(folder: Path, name: str) -> None:
    """Stop one program, which stays stopped until it is started or the network is brought up.

    :raises DaemonError: when it does not run, or nothing supervises it
    """
    with _server(folder) as server:
        server.stopProcess(name)


def start_program(folder: Path, name: str) -> None:
    """Start one program that was stopped.

    :raises DaemonError: when it runs already, or nothing supervises it
    """
    with _server(folder) as server:
        server.startProcess(name, False)


def processes(folder: Path) -> tuple[Running, ...]:
    """Say how each program is; none when nothing supervises them."""
    if not (runtime_place(folder) / _SOCKET).exists():
        return ()
    try:
        with _server(folder) as server:
            found = server.getAllProcessInfo()
    except DaemonError:
        return ()
    return tuple(Running(each["name"], each["statename"], each["pid"]) for each in found)


def _start_stopped(folder: Path, alive: Sequence[Running]) -> bool:
    stopped = [each.name for each in alive if each.state not in _UNDER_WAY]
    with _server(folder) as server:
        for name in stopped:
            server.startProcess(name, False)
    return bool(stopped)


def _start(folder: Path) -> None:
    command = [sys.executable, "-m", "supervisor.supervisord", "--configuration", CONFIG]
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise DaemonError(f"supervisord does not start: {last_line(done.stderr + done.stdout)}")
    _wait(folder, lambda: bool(processes(folder)), _START_SECONDS, "start")


def _wait(folder: Path, happened: Callable[[], bool], seconds: float, act: str) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise DaemonError(
                f"the daemons of {folder} did not {act} within {seconds:.0f} s: "
                f"see {folder / 'logs'}"
            )
        time.sleep(_POLL_SECONDS)


@contextmanager
def _server(folder: Path) -> Iterator[Any]:
    transport = SupervisorTransport(None, None, f"unix://{runtime_place(folder) / _SOCKET}")
    proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
    try:
        yield proxy.supervisor
    except (OSError, xmlrpc.client.Error, HTTPException, ExpatError) as error:
        raise DaemonError(f"the supervisor of {folder} does not answer: {error!r}") from error
    finally:
        transport.close()


def family(folder: Path) -> list[int]:
    """Find the processes that a supervisor of this folder started, and itself, by their folder.

    They show in Linux's ``/proc``; elsewhere none are found.
    """
    here, found = folder.resolve(), []
    for entry in Path("/proc").glob("[1-9]*"):
        try:
            inside = (entry / "cwd").readlink() == here
            words = (entry / "cmdline").read_bytes().split(b"\0") if inside else []
        except OSError:  # it has ended, or is another user's
            continue
        if _MARKS & set(words) or words == _ENDING:
            found.append(int(entry.name))
    return found


def _config(socket: Path, programs: Sequence[Program], facts: str) -> bytes:
    """Write paths relative to the folder: it is the supervisor's working directory."""
    sections = [
        f"; written by flnode; {facts}",
        "[unix_http_server]",
        f"file={_plain(str(socket))}",
        "chmod=0700",
        "[supervisord]",
        "logfile=logs/supervisord.log",
        f"logfile_maxbytes={_LOG_BYTES}",
        "logfile_backups=1",
        "pidfile=logs/supervisord.pid",
        "umask=077",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        *(line for program in programs for line in _program(program)),
        "",
    ]
    return "\n".join(sections).encode()


def _program(program: Program) -> list[str]:
    told = ",".join(f'{key}="{_plain(value)}"' for key, value in program.environment.items())
    return [
        f"[program:{program.name}]",
        f"command={_plain(shlex.join(program.command))}",
        f"environment={told}",
        f"stdout_logfile={_plain(program.log)}",
        f"stdout_logfile_maxbytes={_LOG_BYTES}",
        "stdout_logfile_backups=1",
        "redirect_stderr=true",
        "autorestart=true",
        f"startretries={_RESTARTS}",
        f"stopwaitsecs={_KILL_SECONDS}",
    ]


def _plain(text: str) -> str:
    if any(mark in text for mark in (" ;", " #", "\n", '"')):
        raise DaemonError(f"supervisor's configuration cannot hold the path {text!r}: use another")
    return text.replace("%", "%%")
