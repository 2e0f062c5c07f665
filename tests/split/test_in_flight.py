"""Several batches in flight: the same in every run, as stale as said, and after a stop, too."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("configuration", ["vanilla", "u-shaped"])
@pytest.mark.parametrize("in_flight", [2, 3])
def test_steps_in_flight_are_as_stale_as_said_in_every_run(in_flight, configuration) -> None:
    command = [sys.executable, "-m", "tests.split.in_flight", configuration, str(in_flight)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["again"] == []
    assert found["plain"] == []
    assert found["stopped"] == [[], []]
    assert {"weights 0", "weights 1", "leaves"} <= set(found["one"])
