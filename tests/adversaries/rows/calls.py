"""Accounts that call what is not theirs, or not yet, and processes that share one."""

from tests.adversaries.attacks import Attack, Finder, Found


def _refused(name: str, does: str, *errors: str, round_: int = 1) -> Attack:
    found = tuple(Found(Finder.CONTRACT, (error,)) for error in errors)
    return Attack(name, does, "calls", found, round_)


def _by_node(name: str, does: str, words: str) -> Attack:
    return Attack(name, does, "calls", (Found(Finder.NODE, (words,)),))


CALLS = (
    _refused("stranger-sends", "is no member; sends and attests for a node", "NotAccountOfNode"),
    _refused("stranger-rejects", "is no member and rejects an update", "NotHeaderOrNode"),
    _refused("stranger-closes", "is no member and closes a round", "NotHeaderOrNode"),
    _refused("stranger-plays-owner", "is no member and calls all that is the owner's", "NotOwner"),
    _refused("node-plays-owner", "is a node and calls all that is the owner's", "NotOwner"),
    _refused("sends-for-another", "is a node and sends for another", "NotAccountOfNode"),
    _refused(
        "attests-for-another", "is a node and attests for another", "NotAccountOfNode", round_=2
    ),
    _refused("node-rejects", "is a node and rejects another's update", "NotClosable"),
    _refused("node-closes", "is a node and closes before the grace has passed", "GraceRunning"),
    _refused("later-base", "sends an update from a global that there is not yet", "BaseTooNew"),
    _refused("later-round", "sends an update to a round that is not open", "WrongRound"),
    _refused("stale-base", "sends an update from a stale base", "BaseTooOld", round_=3),
    _refused("base-twice", "sends a second update from the same base", "BaseUsed", round_=2),
    _refused("late", "sends in the instants before the close", "RoundFull"),
    _refused("resubmits", "sends again and again what is rejected", "TooManyAttempts"),
    Attack(
        "false-dispute",
        "attests another global than it computed",
        "calls",
        (Found(Finder.AUDIT, ("attests another global: a dispute",)),),
        round=0,
    ),
    _by_node(
        "twin-here",
        "runs a second process of one account on the same machine",
        "another process on this machine signs as",
    ),
    _by_node(
        "twin-elsewhere",
        "runs a second process of one account on another machine",
        "another process signs for it; its update is taken over",
    ),
)
