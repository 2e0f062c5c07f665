"""The moments at which a process is killed, and what its next life does."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A moment in a role's work.

    :ivar moment: when SIGKILL comes
    :ivar afterwards: what the role does when it is started again, in one sentence
    """

    moment: str
    afterwards: str


TRAINER = (
    Point("before training", "Trains."),
    Point("while it trains", "Trains from the start of the round; the tensors are the same."),
    Point("after training", "Trains again; the tensors are the same."),
    Point("with its bytes half stored", "Trains and stores again; the file is the same."),
    Point("after its bytes are stored", "Trains and stores again; the file is the same."),
    Point(
        "after its update is sent, not mined",
        "Finds its update standing; or trains, and sends it at the same place of its account.",
    ),
    Point("after its update is mined", "Finds its update standing, and waits."),
    Point("while it waits", "Finds its update standing, and waits."),
    Point("while it fetches what another sent", "Fetches it again; what is half there is no file."),
    Point("after it saw the close", "Checks the global, attests it, and trains from it."),
    Point("before its word is sent", "Checks the global again and attests it."),
    Point(
        "after its word is sent, not mined",
        "Finds its word on the chain, or says the same again at the same place of its account.",
    ),
    Point("after its word is mined", "Finds its word on the chain, and trains."),
)

HEADER = (
    Point("while it waits", "Waits."),
    Point("before it fetches", "Fetches and judges every update that stands."),
    Point("between admission and close", "Judges every update again; closes."),
    Point("after averaging", "Averages again; the global is the same file."),
    Point("with the global's bytes half stored", "Stores it again; it is the same file."),
    Point("after the global's bytes are stored", "Stores it again; it is the same file."),
    Point("after the report is stored", "Writes another report: its timings are others."),
    Point(
        "after the close is sent, not mined",
        "Finds the round closed, or closes at the same place of its account: same global.",
    ),
    Point("after the close is mined", "Finds the round closed, and waits for the next."),
    Point("before the next step", "Finds the round closed, and waits for the next."),
)

REJECTING = (
    Point(
        "after a rejection is sent, not mined",
        "Finds the update rejected, or rejects it at the same place of its account: once.",
    ),
    Point("after a rejection is mined", "Finds the update rejected, and waits for another."),
)

DEPLOYER = (
    Point("after the plan is stored", "Stores the same plan; nothing else was done."),
    Point("after the initial model is stored", "Stores the same files, and creates a contract."),
    Point(
        "after the creation is sent, not mined",
        "Sends it at the same place of the account; if it is mined by then, creates another.",
    ),
    Point("after the creation is mined", "Creates another contract; the first stays unused."),
    Point("between two registrations", "Creates another contract; the first stays unused."),
    Point("after the last registration", "Creates another contract; the first stays unused."),
    Point("after global 0 is sent, not mined", "Creates another contract; the first stays unused."),
    Point("after global 0 is mined", "Creates another contract; the first stays unused."),
    Point("before the settings are written", "Creates another contract; the first stays unused."),
)

TELLING = (
    Point("with the first host's settings half written", "Creates another contract; tells all."),
    Point("after the first host's settings", "Tells the other hosts of the same contract."),
    Point("with the last host's settings half written", "Tells that host of the same contract."),
)
