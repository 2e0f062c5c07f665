"""Members that train and send as they should, and lie besides."""

import time
from collections.abc import Callable
from dataclasses import replace

from fl_node.training import participate as step
from fl_node.training.participate import Complete, Participant, Submitted, participate
from tests.adversaries.lies.calls import MADE_UP, open_round, tried, update_of
from tests.adversaries.lies.patience import seen
from tests.adversaries.lies.self_made import Liar
from tests.adversaries.lies.sending import LyingTrainer, patch
from tests.adversaries.lies.updates import UPDATE_LIES
from tests.small_federation import SmallTrainer, silent

# An honest process of the same key has seen the round, and trains.
_TWIN_WAITS_SECONDS = 4
_REJECTIONS = 3


def sends_honestly(liar: Liar, number: int) -> None:
    """Take part in a round."""
    participant = Participant(liar.node, liar.federation, SmallTrainer(), None)

    def sent() -> bool | None:
        outcome = participate(participant, silent)
        return True if isinstance(outcome, Submitted | Complete) else None

    liar.wait_for_round(number)
    seen(sent)


def disputes_without_cause(liar: Liar) -> None:
    """Attest another global than it computed, then try to take that back; it is the last to send.

    Until it sends, the first round stays open for others' attacks.
    """
    seen(lambda: True if len(open_round(liar).rejections) >= _REJECTIONS else None)
    for number in (1, 2, 3):
        sends_honestly(liar, number)
        liar.wait_for_round(number + 1)
        for weights in (MADE_UP, liar.timeline.model(number).weights):
            given = (liar.node, number, weights.digest, liar.timeline.history)
            tried(lambda words=given: liar.ledger._send("attest", *words))


def uses_a_base_twice(liar: Liar) -> None:
    sends_honestly(liar, 1)
    liar.wait_for_round(2)
    again = replace(update_of(liar), round=2)
    tried(lambda: liar.ledger.set_local_weight(again), "BaseUsed")
    sends_honestly(liar, 2)
    sends_honestly(liar, 3)


def signs_as_a_twin(liar: Liar) -> None:
    """Send for a node whose own process is at work, once, with other metrics in the file."""
    said = step.update_metadata
    step.update_metadata = lambda *given: said(*given) | {"metrics": {"loss": 0.0}}
    time.sleep(_TWIN_WAITS_SECONDS)
    sends_honestly(liar, 1)


def sends_nan(liar: Liar) -> None:
    """Send NaN in the rounds in which the header lies about it."""
    patch(UPDATE_LIES["nan"])
    trainer = LyingTrainer(UPDATE_LIES["nan"])
    participant = Participant(liar.node, liar.federation, trainer, None)
    for number in (3, 4):
        liar.wait_for_round(number)
        seen(lambda: True if isinstance(participate(participant, silent), Submitted) else None)


MEMBERS: dict[str, Callable[[Liar], None]] = {
    "false-dispute": disputes_without_cause,
    "base-twice": uses_a_base_twice,
    "twin-elsewhere": signs_as_a_twin,
    "sends-nan": sends_nan,
}
