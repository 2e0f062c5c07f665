"""Questions about a host, in order, and what was found; one that builds on a failure is not asked.

A question that raises one of our errors has found that error.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fl_node.doctor.patient import Patient
from fl_node.errors import FlnodeError


@dataclass(frozen=True)
class Check:
    """A question's outcome.

    :ivar found: in one line
    :ivar try_: what may mend it; empty when nothing needs to be mended
    :ivar after: the check whose failure left this one out; empty if it was asked
    """

    name: str
    ok: bool
    found: str
    try_: str = ""
    after: str = ""

    def document(self) -> dict[str, Any]:
        """Give it as programs read it."""
        return {"name": self.name, "ok": self.ok, "found": self.found, "try": self.try_}


@dataclass(frozen=True)
class Finding:
    """What a question found.

    :ivar try_: instead of what its question would say to try
    """

    found: str
    ok: bool = True
    try_: str = ""


@dataclass(frozen=True)
class Question:
    """Something to look at.

    :ivar try_: what to try when the finding is not good
    :ivar needs: names of questions without whose good end this one makes no sense
    """

    name: str
    ask: Callable[[Patient], Finding]
    try_: str
    needs: tuple[str, ...] = ()


def ask_all(questions: Iterable[Question], patient: Patient) -> Iterator[Check]:
    """Ask in order."""
    failed: dict[str, str] = {}  # to the failure that it all began with
    for question in questions:
        check = _ask(question, patient, failed)
        if not check.ok:
            failed[question.name] = check.after or question.name
        yield check


def _ask(question: Question, patient: Patient, failed: Mapping[str, str]) -> Check:
    missing = [failed[name] for name in question.needs if name in failed]
    if missing:
        return Check(
            question.name,
            False,
            f"not looked at, because {missing[0]} failed",
            f"mend {missing[0]}",
            missing[0],
        )
    try:
        finding = question.ask(patient)
    except (FlnodeError, OSError) as error:
        finding = Finding(" ".join(str(error).split()), ok=False)
    try_ = finding.try_ or ("" if finding.ok else question.try_)
    return Check(question.name, finding.ok, finding.found, try_)
