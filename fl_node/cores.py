"""The processors that this process may use."""

import os


def available_cores() -> int:
    """Count them; fewer than the machine has where somebody limited the process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
