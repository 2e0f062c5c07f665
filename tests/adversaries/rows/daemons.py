"""A node's own daemons that lie to it."""

from dataclasses import replace

from tests.adversaries.attacks import Attack, Finder, Found


def _told(name: str, does: str, *words: str) -> Attack:
    return Attack(name, does, "daemons", (Found(Finder.NODE, words),))


def _slow(name: str, does: str) -> Attack:
    return replace(_told(name, does, "did not come in"), when={Finder.NODE: "after a minute"})


DAEMONS = (
    _slow("store-hangs", "a Kubo daemon that does not answer"),
    _slow("store-drips", "a Kubo daemon that sends a byte a second"),
    _told("store-gives-half", "a Kubo daemon that breaks off", "was asked for Qm", "see that"),
    _told("store-gives-other-bytes", "a Kubo daemon that gives other bytes", "bytes whose CID is"),
    _told("store-never-ends", "a Kubo daemon whose file never ends", "has more than the"),
    _told("store-is-none", "something else in a Kubo daemon's place", "not answer as Kubo does"),
    _told("rpc-drops", "a Geth node that drops every connection", "see that the node runs"),
    _told("rpc-garbage", "a Geth node that answers with a web page", "that is none"),
    _told("rpc-never-ends", "a Geth node whose answer never ends", "answers with more than"),
    _told("rpc-deep", "a Geth node that nests its answer 100,000 levels deep", "that is none"),
    _told("rpc-bloated", "a Geth node that answers with millions of values", "that is none"),
    _told("rpc-reorders", "a Geth node that reorders events", "events was asked of the chain"),
    _told("rpc-hides-news", "a Geth node that hides the newest event", "do not agree"),
    _told("rpc-other-receipts", "a Geth node that makes up receipts", "another receipt than"),
    Attack(
        "rpc-hides-an-event",
        "a Geth node that hides an event in the middle",
        "daemons",
        (Found(Finder.AUDIT, ("history: event", "does not follow from those before it")),),
    ),
)
