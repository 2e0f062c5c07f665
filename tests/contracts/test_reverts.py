"""Every custom error: who provokes it, and with which values it comes back."""

from collections.abc import Callable

import pytest

from tests.contracts.sandbox import (
    EMPTY,
    HEADER,
    INITIAL,
    NOBODY,
    OWNER,
    PLAN,
    START,
    STRANGER,
    TERMS,
    RefusedError,
    Sandbox,
    account,
    digest,
    error_names,
)

Provoke = Callable[[], None]
NODE_1, NODE_2, NODE_9 = account(1), account(2), account(9)
SAMPLES = 7


def terms(**changes: int) -> tuple[int, ...]:
    return tuple((TERMS | changes).values())


def started(nodes: int = 2, **changes: int) -> Sandbox:
    return Sandbox(**changes).start(nodes)


def send(
    federation: Sandbox, node: int = 1, number: int = 1, base: int = 0, by: str | None = None
) -> None:
    values = (node, number, base, digest("update"), SAMPLES)
    federation.act(by or account(node), "setLocalWeight", *values)


def put(federation: Sandbox, number: int, by: str = HEADER, weights: bytes | None = None) -> None:
    values = (number, weights or digest("global"), digest("report"), federation.look("history"))
    federation.act(by, "setGlobalWeight", *values)


def not_owner() -> None:
    started().act(STRANGER, "setHeader", NODE_1)


def not_account_of_node() -> None:
    send(started(), node=1, by=NODE_2)


def not_header_or_node() -> None:
    federation = started()
    federation.submit(1)
    federation.submit(2)
    put(federation, 1, by=STRANGER)


def not_node() -> None:
    federation = started(finality=1)
    federation.play_round(1, 2)
    put(federation, 1, by=STRANGER, weights=digest("other"))


def wrong_round() -> None:
    send(started(), number=2)


def not_started() -> None:
    federation = Sandbox()
    federation.act(OWNER, "registerNode", 1, NODE_1)
    send(federation, number=0)


def federation_complete() -> None:
    federation = started(rounds=1)
    federation.play_round(1, 2)
    send(federation, number=2, base=1)


def not_yet_member() -> None:
    federation = started()
    federation.act(OWNER, "registerNode", 3, account(3))
    send(federation, node=3)


def global_not_final() -> None:
    federation = started(finality=2)
    federation.play_round(1, 2)
    federation.attest(1)
    send(federation, number=2, base=1)


def base_too_new() -> None:
    send(started(), base=1)


def base_too_old() -> None:
    federation = started()
    federation.play_round(1, 2)
    federation.play_round(1, 2)
    send(federation, number=3, base=1)


def base_used() -> None:
    federation = started(maxStaleness=1)
    federation.play_round(1, 2)
    send(federation, number=2, base=0)


def round_full() -> None:
    federation = started(nodes=3, target=2)
    federation.submit(1)
    federation.submit(2)
    send(federation, node=3)


def already_submitted() -> None:
    federation = started()
    send(federation)
    send(federation)


def too_many_attempts() -> None:
    federation = started()
    for _ in range(3):
        federation.submit(1)
        federation.reject(1)
    send(federation)


def not_standing() -> None:
    started().act(HEADER, "rejectLocalWeight", 1, 1, digest("update"), 7)


def other_weights() -> None:
    federation = started()
    federation.submit(1, weights=digest("mine"))
    federation.act(HEADER, "rejectLocalWeight", 1, 1, digest("other"), 7)


def not_closable() -> None:
    federation = started(nodes=3, quorum=2)
    federation.submit(1)
    put(federation, 1)


def grace_running() -> None:
    federation = started()
    federation.submit(1)
    federation.now += 3
    federation.submit(2)
    federation.now += 9
    put(federation, 1, by=NODE_1)


def not_initial_weights() -> None:
    federation = Sandbox()
    values = (0, digest("other"), EMPTY, federation.look("history"))
    federation.act(OWNER, "setGlobalWeight", *values)


def report_not_empty() -> None:
    federation = Sandbox()
    values = (0, INITIAL, digest("report"), federation.look("history"))
    federation.act(OWNER, "setGlobalWeight", *values)


def same_weights() -> None:
    federation = started(finality=1)
    federation.play_round(1, 2)
    federation.now += TERMS["graceSeconds"]
    put(federation, 1, by=NODE_1, weights=digest("global 1"))


def already_replaced() -> None:
    federation = started(finality=1)
    federation.play_round(1, 2)
    for text in ("other", "another"):
        federation.now += TERMS["graceSeconds"]
        put(federation, 1, by=NODE_1, weights=digest(text))


def already_attested() -> None:
    federation = started()
    federation.play_round(1, 2)
    federation.attest(1)
    federation.attest(1)


def zero_node_id() -> None:
    Sandbox().act(OWNER, "registerNode", 0, NODE_1)


def zero_account() -> None:
    Sandbox().act(OWNER, "registerNode", 1, NOBODY)


def zero_header() -> None:
    started().act(OWNER, "setHeader", NOBODY)


def created_without_header() -> None:
    Sandbox().create([PLAN, INITIAL, NOBODY, terms()])


def node_taken() -> None:
    started().act(OWNER, "registerNode", 1, NODE_9)


def account_taken() -> None:
    started().act(OWNER, "registerNode", 9, NODE_1)


def account_taken_by_rotation() -> None:
    started().act(OWNER, "replaceNode", 1, NODE_2)


def unknown_node() -> None:
    started().act(OWNER, "removeNode", 9)


def unknown_node_in_rotation() -> None:
    started().act(OWNER, "replaceNode", 9, NODE_9)


def bad_terms() -> None:
    started().act(OWNER, "setTerms", terms(quorum=3, target=2))


def created_without_quorum() -> None:
    Sandbox(quorum=0)


def created_without_rounds() -> None:
    Sandbox(rounds=0)


def created_without_deadline() -> None:
    Sandbox(roundSeconds=0)


def terms_do_not_fit() -> None:
    started().act(OWNER, "setTerms", terms(quorum=3))


def finality_does_not_fit() -> None:
    started().act(OWNER, "setTerms", terms(finality=3))


def too_few_to_start() -> None:
    Sandbox(quorum=3).start(2)


def too_few_after_removal() -> None:
    started(quorum=2).act(OWNER, "removeNode", 1)


def rounds_differ() -> None:
    started().act(OWNER, "setTerms", terms(rounds=4))


def not_longer() -> None:
    started().act(OWNER, "extend", 3)


DEADLINE = START + TERMS["roundSeconds"]
CASES: dict[Provoke, RefusedError] = {
    not_owner: RefusedError("NotOwner", STRANGER, OWNER),
    not_account_of_node: RefusedError("NotAccountOfNode", 1, NODE_2),
    not_header_or_node: RefusedError("NotHeaderOrNode", STRANGER),
    not_node: RefusedError("NotNode", STRANGER),
    wrong_round: RefusedError("WrongRound", 2, 1),
    not_started: RefusedError("NotStarted"),
    federation_complete: RefusedError("FederationComplete", 1),
    not_yet_member: RefusedError("NotYetMember", 3, 2, 1),
    global_not_final: RefusedError("GlobalNotFinal", 1, 1, 2),
    base_too_new: RefusedError("BaseTooNew", 1, 1),
    base_too_old: RefusedError("BaseTooOld", 1, 2),
    base_used: RefusedError("BaseUsed", 0, 1),
    round_full: RefusedError("RoundFull", 1, 2),
    already_submitted: RefusedError("AlreadySubmitted", 1, 1, digest("update")),
    too_many_attempts: RefusedError("TooManyAttempts", 1, 3),
    not_standing: RefusedError("NotStanding", 1, 1),
    other_weights: RefusedError("OtherWeights", digest("other"), digest("mine")),
    not_closable: RefusedError("NotClosable", 1, 3, 2, DEADLINE),
    grace_running: RefusedError("GraceRunning", START + 13, START + 12),
    not_initial_weights: RefusedError("NotInitialWeights", digest("other"), INITIAL),
    report_not_empty: RefusedError("ReportNotEmpty", digest("report")),
    same_weights: RefusedError("SameWeights", digest("global 1")),
    already_replaced: RefusedError("AlreadyReplaced", 1, 1),
    already_attested: RefusedError("AlreadyAttested", 1, 1),
    zero_node_id: RefusedError("ZeroNodeId"),
    zero_account: RefusedError("ZeroAccount"),
    zero_header: RefusedError("ZeroAccount"),
    created_without_header: RefusedError("ZeroAccount"),
    node_taken: RefusedError("NodeTaken", 1, NODE_1),
    account_taken: RefusedError("AccountTaken", NODE_1, 1),
    account_taken_by_rotation: RefusedError("AccountTaken", NODE_2, 2),
    unknown_node: RefusedError("UnknownNode", 9),
    unknown_node_in_rotation: RefusedError("UnknownNode", 9),
    bad_terms: RefusedError("BadTerms", terms(quorum=3, target=2)),
    created_without_quorum: RefusedError("BadTerms", terms(quorum=0)),
    created_without_rounds: RefusedError("BadTerms", terms(rounds=0)),
    created_without_deadline: RefusedError("BadTerms", terms(roundSeconds=0)),
    terms_do_not_fit: RefusedError("TermsDoNotFit", terms(quorum=3), 2),
    finality_does_not_fit: RefusedError("TermsDoNotFit", terms(finality=3), 2),
    too_few_to_start: RefusedError("TermsDoNotFit", terms(quorum=3), 2),
    too_few_after_removal: RefusedError("TermsDoNotFit", terms(quorum=2), 1),
    rounds_differ: RefusedError("RoundsDiffer", 4, 3),
    not_longer: RefusedError("NotLonger", 3, 3),
}


@pytest.mark.parametrize("provoke", CASES, ids=lambda provoke: provoke.__name__)
def test_a_refused_call_names_its_reason_and_its_values(provoke: Provoke) -> None:
    with pytest.raises(RefusedError) as refused:
        provoke()
    assert refused.value == CASES[provoke]


def test_a_call_over_another_history_names_both() -> None:
    federation = started()
    with pytest.raises(RefusedError) as refused:
        federation.act(HEADER, "setGlobalWeight", 1, digest("g"), digest("r"), digest("then"))
    current = federation.look("history")
    assert refused.value == RefusedError("StaleHistory", digest("then"), current)


def test_every_error_of_the_interface_is_provoked() -> None:
    provoked = {error.name for error in CASES.values()} | {"StaleHistory"}
    assert provoked == error_names()


OWNERS_CALLS = {
    "registerNode": (9, NODE_9),
    "replaceNode": (1, NODE_9),
    "removeNode": (1,),
    "setHeader": (NODE_9,),
    "setTerms": (terms(),),
    "extend": (9,),
    "reopen": (1,),
}


@pytest.mark.parametrize("function", OWNERS_CALLS)
@pytest.mark.parametrize("caller", [HEADER, NODE_1, STRANGER])
def test_only_the_owner_does_what_the_owner_does(function: str, caller: str) -> None:
    with pytest.raises(RefusedError) as refused:
        started().act(caller, function, *OWNERS_CALLS[function])
    assert refused.value == RefusedError("NotOwner", caller, OWNER)


def test_only_the_owner_starts() -> None:
    federation = Sandbox()
    with pytest.raises(RefusedError) as refused:
        federation.act(HEADER, "setGlobalWeight", 0, INITIAL, EMPTY, federation.look("history"))
    assert refused.value == RefusedError("NotOwner", HEADER, OWNER)


def test_a_refused_call_changes_nothing() -> None:
    federation = started()
    federation.submit(1)
    views = ("state", "history", "terms", "header", "registered", "getGlobalWeight")
    before = [federation.look(view) for view in views]
    for provoke in (
        lambda: send(federation),
        lambda: put(federation, 1),
        lambda: put(federation, 3),
    ):
        with pytest.raises(RefusedError):
            provoke()
    assert [federation.look(view) for view in views] == before
