"""Questions about the machine and what its owner decides: disk, plan, data."""

import shutil

from fl_node.consent import require_consent
from fl_node.doctor.account_questions import own_number
from fl_node.doctor.check import Finding, Question
from fl_node.doctor.patient import Patient
from fl_node.errors import DataError
from fl_node.training.data import check_source, load_data, load_test_data

_GIBIBYTE = 2**30
_LEAST_FREE_BYTES = _GIBIBYTE
_COPIES = 2  # the daemon's and the one that is read


def _federation(patient: Patient) -> Finding:
    plan, terms = patient.federation.plan, patient.ledger.snapshot().terms
    return Finding(f"{plan.name}: plan {plan.cid}, {plan.nodes} nodes, {terms.rounds} rounds")


def _no_federation(patient: Patient) -> Finding:
    return Finding(
        f"{patient.home} belongs to none yet",
        try_="flnode deploy PLAN.toml makes one, flnode join ADDRESS enters one",
    )


def _disk(patient: Patient) -> Finding:
    return _free(patient, _LEAST_FREE_BYTES, "for chain and logs")


def _room(patient: Patient) -> Finding:
    """Every member keeps every update and global of the rounds to come."""
    snapshot, plan = patient.ledger.snapshot(), patient.federation.plan
    rounds = max(0, snapshot.terms.rounds - snapshot.round.number + 1)
    size = sum(tensor.nbytes for tensor in patient.federation.initial.tensors.values())
    needed = _COPIES * size * (plan.nodes + 1) * rounds
    return _free(patient, needed, f"for the {rounds} rounds to come")


def _free(patient: Patient, needed: int, purpose: str) -> Finding:
    free = shutil.disk_usage(patient.home).free
    found = f"{free / _GIBIBYTE:.1f} GiB free, {needed / _GIBIBYTE:.1f} are wanted {purpose}"
    return Finding(found, ok=free >= needed)


def _plan(patient: Patient) -> Finding:
    if own_number(patient) == 0:
        return Finding("the header trains nothing and needs to accept none")
    require_consent(patient.federation, patient.settings)
    return Finding(f"{patient.settings.plan} is accepted in the settings")


def _source(patient: Patient) -> Finding:
    check_source(patient.settings.data, patient.home)
    return Finding(f"{patient.settings.data!r} is there; flnode doctor reads it")


def _data(patient: Patient) -> Finding:
    node, source = own_number(patient), patient.settings.data
    if not node:
        return _test_data(patient)
    data = load_data(source, patient.federation.plan, node, folder=patient.home)
    return Finding(f"{data.samples:,} samples from {source!r}")


def _test_data(patient: Patient) -> Finding:
    source = patient.settings.data
    try:
        data = load_test_data(source, patient.federation.plan, folder=patient.home)
    except DataError as error:
        return Finding(f"the header measures no globals: {error}")
    if data is None:
        return Finding(f"the header measures no globals: {source!r} has no test data")
    return Finding(f"{data.samples:,} samples from {source!r} to measure globals on")


_CORRECT = "correct 'data' in flnode.toml: a built-in name, module:function, an .npz file or folder"

FEDERATION = Question(
    "federation",
    _federation,
    "see that a host that holds plan and initial weights runs",
    ("chain", "contract", "store"),
)
NO_FEDERATION = Question("federation", _no_federation, "")
DISK = Question("disk", _disk, "make room, or move the folder to another disk")
ROOM = Question("room", _room, DISK.try_, ("federation",))
PLAN = Question(
    "plan", _plan, "flnode join ADDRESS shows and accepts it", ("federation", "registered")
)
SOURCE = Question("data", _source, _CORRECT)
DATA = Question("data", _data, _CORRECT, ("federation", "registered"))
