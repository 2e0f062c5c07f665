"""Questions are asked in order, and none that builds on a failure."""

from pathlib import Path

import pytest

from fl_node.config import Settings
from fl_node.doctor.check import Check, Finding, Question, ask_all
from fl_node.doctor.patient import Patient
from fl_node.errors import LedgerError

PATIENT = Patient(Path(), Settings("", ""))


def says(finding):
    return lambda _patient: finding


def raises(error):
    def ask(_patient):
        raise error

    return ask


def checks(*questions):
    return list(ask_all(questions, PATIENT))


def test_a_good_finding_needs_nothing_to_try():
    assert checks(Question("disk", says(Finding("much")), "make room")) == [
        Check("disk", True, "much")
    ]


def test_a_bad_finding_comes_with_what_to_try():
    assert checks(Question("disk", says(Finding("none", ok=False)), "make room")) == [
        Check("disk", False, "none", "make room")
    ]


@pytest.mark.parametrize("ok", [True, False])
def test_a_finding_may_know_better_what_to_try(ok):
    (check,) = checks(Question("disk", says(Finding("little", ok, "rm core")), "make room"))
    assert check == Check("disk", ok, "little", "rm core")


@pytest.mark.parametrize("error", [LedgerError("two\nlines"), PermissionError("two\nlines")])
def test_an_error_of_ours_or_of_the_disk_is_a_finding_in_one_line(error):
    (check,) = checks(Question("chain", raises(error), "start it"))
    assert check == Check("chain", False, "two lines", "start it")


def test_any_other_error_is_a_defect_and_not_hidden():
    with pytest.raises(ZeroDivisionError):
        checks(Question("chain", raises(ZeroDivisionError()), ""))


def test_what_builds_on_a_failure_is_not_asked_and_fails_too():
    bad = Question("chain", says(Finding("away", ok=False)), "start it")
    after = Question("sync", raises(AssertionError("asked")), "wait", ("chain",))
    later = Question("contract", raises(AssertionError("asked")), "", ("sync",))
    apart = Question("disk", says(Finding("much")), "")
    found = checks(bad, after, later, apart)
    assert [check.ok for check in found] == [False, False, False, True]
    left_out = Check("sync", False, "not looked at, because chain failed", "mend chain", "chain")
    assert found[1] == left_out
    assert found[2].found == "not looked at, because chain failed"


def test_what_was_left_out_stands_in_nobodys_way():
    (check,) = checks(Question("sync", says(Finding("in step")), "", ("chain",)))
    assert check.ok


def test_a_program_reads_four_fields():
    document = Check("disk", False, "none", "make room").document()
    assert document == {"name": "disk", "ok": False, "found": "none", "try": "make room"}
