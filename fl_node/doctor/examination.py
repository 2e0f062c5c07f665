"""Which questions a host is asked, in full or before a role's first round."""

from collections.abc import Iterator
from pathlib import Path

from fl_node.config import Settings, load_settings
from fl_node.doctor.account_questions import FUNDED, KEYSTORE, REGISTERED
from fl_node.doctor.chain_questions import (
    CHAIN,
    CLOCK,
    CONTRACT,
    GENESIS,
    PEERS,
    QUICK_CLOCK,
    SEALING,
    SYNC,
)
from fl_node.doctor.check import Check, Question, ask_all
from fl_node.doctor.machine_questions import (
    DATA,
    DISK,
    FEDERATION,
    NO_FEDERATION,
    PLAN,
    ROOM,
    SOURCE,
)
from fl_node.doctor.patient import Patient
from fl_node.doctor.store_questions import (
    QUICK_STORE,
    QUICK_SWARM,
    STORE,
    SWARM,
    SWARM_KEY,
    TEST_BLOCK,
)
from fl_node.errors import SettingsError
from fl_node.federation import Federation


def examine(home: Path) -> Iterator[Check]:
    """Look at everything that a host needs, in a few seconds.

    On a chain that seals on demand a transaction of no value measures the clock.

    :param home: the folder with ``flnode.toml``
    """
    try:
        settings = load_settings(home)
    except SettingsError as error:
        yield Check("settings", False, str(error), "flnode devnet up makes a network with settings")
        return
    patient = Patient(home, settings)
    yield from ask_all(_questions(patient), patient)


def quick_checks(
    home: Path, settings: Settings, federation: Federation | None = None
) -> Iterator[Check]:
    """Look at what takes no time and changes nothing: what a role asks before its first round.

    :param federation: as the role has it open; None when it has none yet
    """
    patient = Patient(home, settings, federation)
    yield from ask_all(_quick_questions(patient), patient)


def _questions(patient: Patient) -> list[Question]:
    network, signs = patient.in_network, patient.signs
    federated = bool(patient.settings.federation)
    return [
        CHAIN,
        GENESIS,
        *([PEERS] if network else []),
        SYNC,
        *([SEALING] if network else []),
        *([KEYSTORE, FUNDED] if signs else []),
        CLOCK,
        STORE,
        *([SWARM_KEY] if network else []),
        *([SWARM] if patient.api else []),
        TEST_BLOCK,
        *([CONTRACT, FEDERATION] if federated else [NO_FEDERATION]),
        *([REGISTERED, PLAN] if federated and signs else []),
        DISK,
        *([ROOM] if federated else []),
        DATA if federated and signs else SOURCE,
    ]


def _quick_questions(patient: Patient) -> list[Question]:
    federated = bool(patient.settings.federation)
    return [
        CHAIN,
        GENESIS,
        SYNC,
        *([CONTRACT] if federated else []),
        *([REGISTERED] if federated and patient.signs else []),
        *([FUNDED] if patient.signs else []),
        QUICK_CLOCK,
        QUICK_STORE,
        *([QUICK_SWARM] if patient.api else []),
        DISK,
        *([ROOM] if patient.known else []),
        SOURCE,
    ]
