"""Why a message is refused, by name, and whose it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from fl_node.errors import SplitError


class Refusal(Enum):
    """What is wrong with a message; the values are what people and audits read."""

    WRONG_SESSION = "wrong-session"
    WRONG_EPOCH = "wrong-epoch"
    WRONG_STEP = "wrong-step"
    REPLAYED = "replayed"
    WRONG_PHASE = "wrong-phase"
    WRONG_PREVIOUS = "wrong-previous"
    WRONG_SIGNATURE = "wrong-signature"
    WRONG_DIGEST = "wrong-digest"
    TOO_LARGE = "too-large"
    NOT_CANONICAL = "not-canonical"
    WRONG_STRUCTURE = "wrong-structure"
    NOT_FINITE = "not-finite"
    OUT_OF_RANGE = "out-of-range"
    BAD_ENCODING = "bad-encoding"

    @property
    def label(self) -> str:
        """Give the refusal's name."""
        return self.value


class UnfitError(SplitError):
    """Bytes that may not be used, found by code that does not know whose they are.

    :ivar detail: what was expected and what was found
    """

    def __init__(self, refusal: Refusal, detail: str) -> None:
        self.refusal, self.detail = refusal, detail
        super().__init__(f"{refusal.label}: {detail}")


class RefusedError(SplitError):
    """A party's message that was refused.

    :ivar who: the sender, as people call it
    :ivar detail: what was expected and what was found
    """

    def __init__(self, refusal: Refusal, who: str, epoch: int, step: int, detail: str) -> None:
        self.refusal, self.who, self.epoch, self.step = refusal, who, epoch, step
        self.detail = detail
        super().__init__(
            f"{who} was refused in epoch {epoch}, step {step}: {refusal.label}: {detail}"
        )


@dataclass(frozen=True)
class Origin:
    """Whose message is read, and where in the session."""

    who: str
    epoch: int
    step: int

    @contextmanager
    def answers(self) -> Iterator[None]:
        """Name the sender of what turns out unfit in here.

        :raises RefusedError: in place of :class:`UnfitError`
        """
        try:
            yield
        except UnfitError as error:
            raise RefusedError(
                error.refusal, self.who, self.epoch, self.step, error.detail
            ) from error
