"""What all tests share."""

import os
import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A shell that runs the tests in the background lets them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Machines are shared and noisy: no test fails for being slow today.
settings.register_profile("flnode", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("flnode")

# Each of these has daemons that its tests share.
_TOGETHER = ("adversaries", "crash", "devnet", "growth", "machines", "network", "split/devnet")


class Together(LoadScopeScheduling):
    """Gives a worker all tests of a file, or of a folder whose tests share daemons."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0].removeprefix("tests/")
        return next((each for each in _TOGETHER if path.startswith(f"{each}/")), path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Choose how tests are divided."""
    return Together(config, log)
