"""What the channel holds on to: only what is new, for the tests' own process holds more."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.split.parties import channel_threads


@pytest.fixture
def new_threads():
    """Give the channel's threads that are alive and were not before the test."""
    before = set(channel_threads())
    return lambda: [thread for thread in channel_threads() if thread not in before]


@pytest.fixture
def new_files():
    """Give the open sockets and files in memory that were not there before the test."""
    before = _sockets_and_files_in_memory()
    return lambda: _sockets_and_files_in_memory() - before


def _sockets_and_files_in_memory():
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile, as the folder's own
            found.add((entry.name, str(entry.readlink())))
    return {(name, to) for name, to in found if to.startswith(("socket:", "/memfd:"))}
