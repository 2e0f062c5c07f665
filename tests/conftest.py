"""What all tests share."""

import os
import signal

from hypothesis import HealthCheck, settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A shell that runs the tests in the background lets them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Machines are shared and noisy: no test fails for being slow today.
settings.register_profile("flnode", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("flnode")
