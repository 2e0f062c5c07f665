"""Entering a federation by its address: look at what it trains, then accept its plan."""

from dataclasses import dataclass, replace
from pathlib import Path

from fl_node.chain.runtime import is_federation
from fl_node.config import FILE_NAME, Settings, load_settings, save_settings
from fl_node.doctor.account_questions import own_number
from fl_node.doctor.patient import Patient
from fl_node.errors import LedgerError, PlanError
from fl_node.federation import Federation


@dataclass(frozen=True)
class Offer:
    """A federation that a host may enter.

    :ivar settings: the host's, as they would be afterwards
    :ivar node: which node the host's account is; 0 for the header, None when it is not registered
    """

    home: Path
    settings: Settings
    federation: Federation
    node: int | None

    def require_plan(self, accepted: str) -> None:
        """See that what somebody accepted is this federation's plan.

        :raises PlanError: naming both
        """
        if accepted != self.settings.plan:
            raise PlanError(
                f"{accepted} was accepted, the plan of {self.settings.federation} is "
                f"{self.settings.plan}: see what it is with flnode join, without --accept"
            )

    def accept(self) -> Path:
        """Write federation and plan, and nothing else, into the host's settings; give their file.

        :raises SettingsError: when it cannot be written
        """
        had = load_settings(self.home, environment={})
        joined = replace(had, federation=self.settings.federation, plan=self.settings.plan)
        save_settings(self.home, joined)
        return self.home / FILE_NAME


def look_at(home: Path, address: str) -> Offer:
    """Open a federation that a host does not belong to yet.

    :raises LedgerError: when there is none of this version's at the address
    :raises FlnodeError: when chain, store, plan or settings cannot be used
    """
    settings = replace(load_settings(home), federation=address)
    patient = Patient(home, settings)
    if not is_federation(patient.vitals.code(address)):
        raise LedgerError(
            f"{address} on chain {patient.ledger.chain_id} does not hold this version's contract: "
            "check the address, and that this host follows the chain"
        )
    ledger = patient.ledger
    joined = replace(settings, federation=ledger.federation, plan=str(ledger.plan()))
    node = own_number(patient) if settings.keystore else None
    return Offer(home, joined, patient.federation, node)
