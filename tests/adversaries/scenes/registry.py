"""Every scene by its name; the long ones begin first, and the one that stops daemons comes last."""

from collections.abc import Callable, Mapping

from tests.adversaries.scene import Scene
from tests.adversaries.scenes import (
    admitted,
    calls,
    daemons,
    headers,
    plans,
    rejections,
    rewritten,
    undisturbed,
    updates,
)
from tests.adversaries.stage import Stage

UNDISTURBED, LAST = "undisturbed", "rewritten"
SCENES: Mapping[str, Callable[[Stage], Scene]] = {
    "updates": updates.play,
    "daemons": daemons.play,
    "calls": calls.play,
    "averages": headers.replaced,
    "rejects": rejections.play,
    "reports": headers.reported,
    "serves": headers.served,
    "plans": plans.play,
    "admitted": admitted.play,
    UNDISTURBED: undisturbed.play,
    LAST: rewritten.play,
}
