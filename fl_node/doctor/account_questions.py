"""Questions about a host's accounts: keystores, registration, funds."""

import stat

from fl_node.chain.ethereum import CALL_GAS_LIMIT
from fl_node.chain.timeline import read_timeline
from fl_node.connect import open_signer
from fl_node.doctor.check import Finding, Question
from fl_node.doctor.patient import Patient

_OTHERS = 0o077
_WEI_PER_ETHER = 10**18
_LEAST_WRITES = 100  # an update and an attestation a round, some of them twice


def _keystore(patient: Patient) -> Finding:
    keys = ["keystore", *(["owner_keystore"] if patient.settings.owner_keystore else [])]
    opened = [open_signer(patient.home, patient.settings, key).address for key in keys]
    files = [patient.home / getattr(patient.settings, key) for key in keys]
    for folder in {file.parent for file in files}:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & _OTHERS:
            return Finding(
                f"the folder {folder} is open to others (mode {mode:o})",
                ok=False,
                try_=f"chmod 700 {folder}",
            )
    told = ", ".join(f"{file.name} opens as {a}" for file, a in zip(files, opened, strict=True))
    return Finding(told)


def _registered(patient: Patient) -> Finding:
    node = own_number(patient)
    if node is None:
        return Finding(
            f"{patient.account} is neither the header nor a node of {patient.settings.federation}",
            ok=False,
            try_=f"ask its owner {patient.ledger.owner()} for: "
            f"flnode nodes add N --account {patient.account}",
        )
    return Finding(f"{patient.account} is {f'node {node}' if node else 'the header'}")


def own_number(patient: Patient) -> int | None:
    """Say which node a host's account is; 0 for the header, None for neither."""
    account, ledger = patient.account, patient.ledger
    if ledger.snapshot().header == account:
        return 0
    supposed = patient.host.node if patient.in_network else None
    member = ledger.member(supposed) if supposed else None
    if member and member.account == account:
        return member.node
    return read_timeline(ledger)[1].node_of(account)


def _funded(patient: Patient) -> Finding:
    balance_wei = patient.vitals.balance_wei(patient.account)
    price_wei = max(1, patient.vitals.gas_price_wei())
    writes = balance_wei // (CALL_GAS_LIMIT * price_wei)
    ether = f"{balance_wei / _WEI_PER_ETHER:.6g} ether"
    if writes < _LEAST_WRITES:
        return Finding(
            f"{patient.account} has {ether}, which covers {writes:,} writes at today's fees",
            ok=False,
            try_=f"send ether to {patient.account}; on a private network flnode nodes add does",
        )
    return Finding(f"{ether}, which covers {writes:.3g} writes at today's fees")


KEYSTORE = Question(
    "keystore", _keystore, "flnode keys new FILE makes one; name it in flnode.toml, chmod 600"
)
REGISTERED = Question(
    "registered", _registered, "flnode nodes add, by the federation's owner", ("chain", "contract")
)
FUNDED = Question("funded", _funded, "send ether to the account", ("chain", "sync"))
