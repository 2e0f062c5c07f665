from pathlib import Path

import pytest

from fl_node.store.directory import DirectoryStore
from tests.aggregator.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(DirectoryStore(tmp_path))
