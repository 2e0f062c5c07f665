"""A role of a federation of small tensors, as a process: the real loops, chain and store, no Keras.

Called with a host's folder, the federation's address, and a node's number or 0 for the header.
"""

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from aggregator.close import Closer
from aggregator.resident import HeaderRole, TrainerRole
from fl_node.chain.accounts import lock_account
from fl_node.config import load_settings
from fl_node.connect import open_ledger, open_signer, open_store
from fl_node.federation import open_federation
from fl_node.patience import Patience
from fl_node.training.participate import Participant
from fl_node.upkeep import Upkeep
from tests.small_federation import SmallTrainer, evaluated

TRAINING_SECONDS = 0.4


@dataclass
class Told:
    """Prints what happens, a line each."""

    def training(self, node, progress):
        return None

    def participated(self, node, outcome):
        say(type(outcome).__name__.lower())

    def judged(self, judgement):
        say(f"judged {judgement.number} {judgement.agrees}")

    def closed(self, outcome):
        say(f"closed {outcome.model.number} {outcome.model.weights}")

    def rejected(self, rejected):
        say(f"rejected {rejected.update.node} {rejected.refusal.reason.label}")


class SlowTrainer(SmallTrainer):
    """Takes long enough to be killed meanwhile."""

    def train(self, base, **asked):
        say("training")
        time.sleep(TRAINING_SECONDS)
        return super().train(base, **asked)


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(home: Path, address: str, node: int) -> None:
    settings = replace(load_settings(home, environment={}), federation=address)
    signer = open_signer(home, settings)
    with lock_account(signer.address), Patience(say) as patience:
        ledger = patience.until(lambda: open_ledger(home, settings, signer))
        store = open_store(home, settings)
        federation = patience.until(lambda: open_federation(ledger, store))
        closer = Closer(federation, evaluated)
        upkeep = Upkeep.of(federation, settings.keep_rounds, say)
        if node:
            participant = Participant(node, federation, SlowTrainer(), data=None)
            TrainerRole(participant, closer, upkeep, patience, Told()).run()
        else:
            HeaderRole(closer, upkeep, patience, Told()).run()
    say("done")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
