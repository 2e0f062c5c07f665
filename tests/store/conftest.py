"""Every store that the behaviour suite runs over; a new one joins by a line."""

import pytest

from fl_node.store.directory import DirectoryStore
from fl_node.store.store import Store

MAKERS = {
    "directory": lambda tmp_path: DirectoryStore(tmp_path / "store"),
}


@pytest.fixture(params=MAKERS)
def store(request, tmp_path) -> Store:
    return MAKERS[request.param](tmp_path)
