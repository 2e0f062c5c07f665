"""What all tests share."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A shell that runs the tests in the background lets them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Machines are shared and noisy: no test fails for being slow today.
settings.register_profile("flnode", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("flnode")

_TESTS = Path(__file__).parent
# Each of these has daemons that its tests share.
_TOGETHER = ("adversaries", "crash", "devnet", "growth", "machines", "network", "split/devnet")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep in one worker what shares daemons, and the tests of a file."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item.path.relative_to(_TESTS))))


def _group(path: Path) -> str:
    return next((each for each in _TOGETHER if path.is_relative_to(each)), str(path))
