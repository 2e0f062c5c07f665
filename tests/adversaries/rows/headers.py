"""Headers that close falsely."""

from tests.adversaries.attacks import Attack, Finder, Found


def _disputed(name: str, does: str, scene: str, round_: int) -> Attack:
    words = (f"global {round_} is Qm", "on the chain, node", "recomputed Qm", "see flnode audit")
    return Attack(name, does, scene, (Found(Finder.NODES, words),), round_)


def _audited(name: str, does: str, scene: str, round_: int, *words: str) -> Attack:
    return Attack(name, does, scene, (Found(Finder.AUDIT, words),), round_)


HEADERS = (
    _disputed("one-bit", "averages wrongly, by one bit", "averages", 1),
    _disputed("leaves-out", "leaves an update that stands out of the average", "averages", 2),
    _disputed("counts-twice", "counts an update twice", "averages", 3),
    _disputed("equal-samples", "averages with other sample counts", "averages", 4),
    _disputed("other-layout", "serves other bytes than those of the global's CID", "serves", 1),
    _disputed("unserved-global", "closes with a global that nobody serves", "serves", 2),
    _disputed("huge-global", "closes with a global of 7.9 GB", "serves", 3),
    _audited(
        "no-report",
        "closes without a report",
        "reports",
        1,
        "wrong-report: the round was closed without a report",
        "closed by the header",
    ),
    _audited(
        "false-report",
        "reports other sample counts than it averaged with",
        "reports",
        2,
        "wrong-report: admitted should be",
        "the report says",
        "closed by the header",
    ),
    Attack(
        "older-history",
        "closes over a history that lacks the newest update",
        "reports",
        (Found(Finder.CONTRACT, ("StaleHistory",)),),
        3,
    ),
    _audited(
        "bloated-report",
        "closes with a report of 16 MiB",
        "reports",
        4,
        "wrong-report: Qm",
        "has more than the",
        "closed by the header",
    ),
    Attack(
        "never-closes",
        "never closes",
        "reports",
        (Found(Finder.NODES, ("GlobalWeightSet by node",)),),
        5,
        when={Finder.NODES: "when the grace has passed"},
    ),
    _audited(
        "rejects-good",
        "rejects a good update",
        "rejects",
        1,
        "contradicted-rejection: rejected as not-finite: it passes every check",
        "by the header",
    ),
    _audited(
        "wrong-reason",
        "rejects a bad update for another reason than its fault",
        "rejects",
        3,
        "contradicted-rejection: rejected as wrong-structure: it is not-finite instead",
        "by the header",
    ),
    Attack(
        "averages-bad",
        "averages an update that holds NaN",
        "rejects",
        (
            Found(Finder.NODES, ("cannot be recomputed: the update of node 4 is not-finite",)),
            Found(Finder.AUDIT, ("not-finite: averaged all the same",)),
        ),
        4,
    ),
)
