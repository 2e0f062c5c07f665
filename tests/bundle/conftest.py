from pathlib import Path

import pytest

from tests.aggregator.audited import finished_federation
from tests.bundle.bundles import written
from tests.small_federation import SmallFederation


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SmallFederation:
    """Two rounds and a rejection; tests leave it as it is."""
    return finished_federation(tmp_path_factory.mktemp("finished") / "federation")


@pytest.fixture(scope="session")
def file(finished: SmallFederation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundle") / "whole.bundle"
    written(finished, place)
    return place


@pytest.fixture(scope="session")
def light_file(finished: SmallFederation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundle") / "light.bundle"
    written(finished, place, light=True)
    return place
