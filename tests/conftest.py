"""What all tests share."""

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Machines are shared and noisy: no test fails for being slow today.
settings.register_profile("flnode", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("flnode")
