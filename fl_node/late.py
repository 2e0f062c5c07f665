"""Who was late, and how: an update past the deadline, from an older global, or in a later round."""

from collections.abc import Iterator
from dataclasses import dataclass

from fl_node.chain.timeline import RoundLog, Timeline
from fl_node.rounds import Update


@dataclass(frozen=True)
class Late:
    """A node that did not keep a round's pace, and what it did instead."""

    node: int
    why: str


def late_nodes(timeline: Timeline, log: RoundLog) -> tuple[Late, ...]:
    """Name a round's late nodes, in ascending order: those that are in, and those that are missing.

    A missing node is late once its update from this round's base stands in a later round; before,
    or where the terms allow no older base, it is just missing.
    """
    return tuple(sorted(_late(timeline, log), key=lambda late: late.node))


def _late(timeline: Timeline, log: RoundLog) -> Iterator[Late]:
    for node, update in log.updates.items():
        why = _in_late(log, update)
        if why:
            yield Late(node, why)
    for node in log.missing:
        later = _came_in(timeline, log.number, node)
        if later is not None:
            yield Late(node, f"its update came in round {later}")


def _in_late(log: RoundLog, update: Update) -> str:
    if update.base < log.number - 1:
        return f"trained from global {update.base}"
    seconds = log.arrived[update.node] - log.deadline
    return f"{seconds} s after the deadline" if seconds > 0 else ""


def _came_in(timeline: Timeline, number: int, node: int) -> int | None:
    later = (log for other, log in sorted(timeline.rounds.items()) if other > number)
    return next(
        (
            log.number
            for log in later
            if any((each.node, each.base) == (node, number - 1) for each in log.submitted)
        ),
        None,
    )
