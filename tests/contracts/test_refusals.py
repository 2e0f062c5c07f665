"""Every refusal: who asked for what, and the error with its values, which the reference shares."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from fl_node.rounds import Reason
from tests.contracts.sandbox import (
    EMPTY,
    HEADER,
    INITIAL,
    NOBODY,
    OWNER,
    PLAN,
    STRANGER,
    TERMS,
    Sandbox,
    account,
    digest,
    error_names,
)
from tests.contracts.spoken import START, RefusedError
from tests.contracts.twin import Twin

ONE, TWO, THREE = account(1), account(2), account(3)
OLD = digest("a history of long ago")
X = digest("x")


class Refusal(NamedTuple):
    """A federation, a call that it refuses, and how."""

    given: Callable[[], Twin]
    call: Callable[[Sandbox], Any]
    error: str
    values: tuple[Any, ...] | Callable[[Sandbox], tuple[Any, ...]] = ()


def created(**terms: int) -> Callable[[], Sandbox]:
    return lambda: Twin(**terms)


def started(nodes: int = 2, **terms: int) -> Callable[[], Sandbox]:
    return lambda: Twin(**terms).start(nodes)


def after(given: Callable[[], Sandbox], *steps: Callable[[Sandbox], Any]) -> Callable[[], Sandbox]:
    def play() -> Sandbox:
        sandbox = given()
        for step in steps:
            step(sandbox)
        return sandbox

    return play


def by(sender: str, function: str, *values: Any) -> Callable[[Sandbox], Any]:
    return lambda sandbox: sandbox.act(sender, function, *values)


def wait(seconds: int) -> Callable[[Sandbox], None]:
    return lambda sandbox: setattr(sandbox, "now", sandbox.now + seconds)


def submit(node: int, **values: Any) -> Callable[[Sandbox], Any]:
    return lambda sandbox: sandbox.submit(node, **values)


def reject(node: int, by: str = HEADER) -> Callable[[Sandbox], Any]:
    return lambda sandbox: sandbox.reject(node, by=by)


def close(by: str = HEADER) -> Callable[[Sandbox], Any]:
    return lambda sandbox: sandbox.close(by=by)


def play(*nodes: int) -> Callable[[Sandbox], Any]:
    return lambda sandbox: sandbox.play_round(*nodes)


def attest(node: int) -> Callable[[Sandbox], Any]:
    return lambda sandbox: sandbox.attest(node)


def replace_global(by: str, weights: bytes = X) -> Callable[[Sandbox], Any]:
    return lambda sandbox: sandbox.replace_global(by, weights)


def put(sender: str, number: int, weights: bytes = X) -> Callable[[Sandbox], Any]:
    return lambda sandbox: sandbox.act(
        sender, "setGlobalWeight", number, weights, EMPTY, sandbox.look("history")
    )


def terms(**changed: int) -> tuple[int, ...]:
    return tuple((TERMS | changed).values())


def create_with(header: str = HEADER, **changed: int) -> Callable[[Sandbox], Any]:
    return lambda sandbox: sandbox.create(OWNER, [PLAN, INITIAL, header, terms(**changed)])


def change_terms(**changed: int) -> Callable[[Sandbox], Any]:
    return by(OWNER, "setTerms", terms(**changed))


def current(sandbox: Sandbox) -> bytes:
    return sandbox.look("history")


def set_local(sender: str, node: int, round_: int, base: int) -> Callable[[Sandbox], Any]:
    return by(sender, "setLocalWeight", node, round_, base, X, 7)


unfinal = after(started(2, finality=2), play(1, 2))
all_in = after(started(2), submit(1), submit(2))
complete = after(started(2, rounds=1), play(1, 2))
one_in = after(started(3), submit(1))
buffered = started(2, target=2, maxStaleness=2)

OWNERS_CALLS: dict[str, tuple[Any, ...]] = {
    "registerNode": (3, THREE),
    "replaceNode": (1, THREE),
    "removeNode": (1,),
    "setHeader": (STRANGER,),
    "setTerms": (terms(),),
    "extend": (9,),
    "reopen": (1,),
}

REFUSALS: dict[str, Refusal] = {
    # Creation.
    "a header is an account": Refusal(created(), create_with(NOBODY), "ZeroAccount"),
    "a quorum is at least one": Refusal(
        created(), create_with(quorum=0), "BadTerms", (terms(quorum=0),)
    ),
    "a target is at least the quorum": Refusal(
        created(), create_with(quorum=3, target=2), "BadTerms", (terms(quorum=3, target=2),)
    ),
    "a round lasts": Refusal(
        created(), create_with(roundSeconds=0), "BadTerms", (terms(roundSeconds=0),)
    ),
    "a federation has a round": Refusal(
        created(), create_with(rounds=0), "BadTerms", (terms(rounds=0),)
    ),
    # Global 0.
    "only the owner starts": Refusal(
        created(), put(HEADER, 0, INITIAL), "NotOwner", (HEADER, OWNER)
    ),
    "global 0 is the initial weights": Refusal(
        created(), put(OWNER, 0), "NotInitialWeights", (X, INITIAL)
    ),
    "global 0 has no report": Refusal(
        created(),
        lambda s: s.act(OWNER, "setGlobalWeight", 0, INITIAL, X, current(s)),
        "ReportNotEmpty",
        (X,),
    ),
    "nobody to train": Refusal(created(), put(OWNER, 0, INITIAL), "TermsDoNotFit", (terms(), 0)),
    "fewer nodes than the quorum": Refusal(
        created(quorum=3),
        lambda s: s.start(2),
        "TermsDoNotFit",
        (terms(quorum=3), 2),
    ),
    "fewer nodes than the target": Refusal(
        created(target=3), lambda s: s.start(2), "TermsDoNotFit", (terms(target=3), 2)
    ),
    "fewer nodes than finality takes": Refusal(
        created(finality=3), lambda s: s.start(2), "TermsDoNotFit", (terms(finality=3), 2)
    ),
    "global 0 is put once": Refusal(started(), put(OWNER, 0, INITIAL), "WrongRound", (0, 1)),
    "no global before the start": Refusal(
        created(), lambda s: s.look("getGlobalWeight"), "NotStarted"
    ),
    # Updates.
    "no update before the start": Refusal(
        after(created(), by(OWNER, "registerNode", 1, ONE)), set_local(ONE, 1, 0, 0), "NotStarted"
    ),
    "another node's account submits": Refusal(
        started(), set_local(TWO, 1, 1, 0), "NotAccountOfNode", (1, TWO)
    ),
    "the owner submits": Refusal(
        started(), set_local(OWNER, 1, 1, 0), "NotAccountOfNode", (1, OWNER)
    ),
    "a removed node submits": Refusal(
        after(started(), by(OWNER, "removeNode", 1)),
        set_local(ONE, 1, 1, 0),
        "NotAccountOfNode",
        (1, ONE),
    ),
    "a replaced key submits": Refusal(
        after(started(), by(OWNER, "replaceNode", 1, THREE)),
        set_local(ONE, 1, 1, 0),
        "NotAccountOfNode",
        (1, ONE),
    ),
    "an update for a round to come": Refusal(
        started(), set_local(ONE, 1, 2, 1), "WrongRound", (2, 1)
    ),
    "an update for a round that is closed": Refusal(
        after(started(), play(1, 2)), set_local(ONE, 1, 1, 0), "WrongRound", (1, 2)
    ),
    "an update after the last round": Refusal(complete, submit(1), "FederationComplete", (1,)),
    "an update of a node that registered in mid-round": Refusal(
        after(started(), by(OWNER, "registerNode", 3, THREE)),
        submit(3),
        "NotYetMember",
        (3, 2, 1),
    ),
    "an update on a global that is not final": Refusal(
        after(unfinal, attest(1)), submit(1), "GlobalNotFinal", (1, 1, 2)
    ),
    "an update trained from the global that it is to make": Refusal(
        started(), submit(1, base=1), "BaseTooNew", (1, 1)
    ),
    "an update from a base too old": Refusal(
        after(started(2, maxStaleness=1, rounds=9), *[play(1, 2)] * 3),
        submit(1, base=1),
        "BaseTooOld",
        (1, 2),
    ),
    "no older base without staleness": Refusal(
        after(started(), play(1, 2)), submit(1, base=0), "BaseTooOld", (0, 1)
    ),
    "an update from a base that was closed in": Refusal(
        after(buffered, play(1, 2)), submit(1, base=0), "BaseUsed", (0, 1)
    ),
    "an update once the target is reached": Refusal(
        after(started(3, target=2), submit(1), submit(2)), submit(3), "RoundFull", (1, 2)
    ),
    "an update when the deadline has passed with a quorum": Refusal(
        after(one_in, wait(100)), submit(2), "RoundFull", (1, 1)
    ),
    "a second update while one stands": Refusal(
        one_in, submit(1, weights=X), "AlreadySubmitted", (1, 1, digest("update 1"))
    ),
    "a fourth update in a round": Refusal(
        after(started(), *[submit(1), reject(1)] * 3), submit(1), "TooManyAttempts", (1, 3)
    ),
    # Rejections.
    "a rejection in another round": Refusal(
        one_in, by(HEADER, "rejectLocalWeight", 1, 2, X, 0), "WrongRound", (2, 1)
    ),
    "a rejection of nothing": Refusal(
        one_in, by(HEADER, "rejectLocalWeight", 2, 1, X, 0), "NotStanding", (2, 1)
    ),
    "a rejection of what was rejected": Refusal(
        after(one_in, reject(1)), reject(1), "NotStanding", (1, 1)
    ),
    "a rejection of what was closed in": Refusal(
        after(started(), play(1, 2)), reject(1), "NotStanding", (1, 2)
    ),
    "a rejection of other weights": Refusal(
        one_in,
        by(HEADER, "rejectLocalWeight", 1, 1, X, 0),
        "OtherWeights",
        (X, digest("update 1")),
    ),
    "a stranger rejects": Refusal(
        after(all_in, wait(99)), reject(1, by=STRANGER), "NotHeaderOrNode", (STRANGER,)
    ),
    "a node rejects in an open round": Refusal(
        after(one_in, wait(99)), reject(1, by=TWO), "NotClosable", (1, 3, 1, START + 100)
    ),
    "a node rejects in the last second of the grace": Refusal(
        after(all_in, wait(9)), reject(1, by=TWO), "GraceRunning", (START + 10, START + 9)
    ),
    # Closing.
    "a close over a history that has moved": Refusal(
        after(all_in),
        by(HEADER, "setGlobalWeight", 1, X, X, OLD),
        "StaleHistory",
        lambda s: (OLD, current(s)),
    ),
    "a global for a round to come": Refusal(all_in, put(HEADER, 2), "WrongRound", (2, 1)),
    "a global for the last number there is": Refusal(
        all_in, put(HEADER, 2**32 - 1), "WrongRound", (2**32 - 1, 1)
    ),
    "a second global for a round without finality": Refusal(
        after(started(), play(1, 2)), put(ONE, 1), "WrongRound", (1, 2)
    ),
    "a global after the last": Refusal(complete, put(HEADER, 2), "FederationComplete", (1,)),
    "a stranger closes": Refusal(
        after(all_in, wait(99)), close(STRANGER), "NotHeaderOrNode", (STRANGER,)
    ),
    "the owner closes": Refusal(after(all_in, wait(99)), close(OWNER), "NotHeaderOrNode", (OWNER,)),
    "a close without updates, long after the deadline": Refusal(
        after(started(), wait(500)), close(), "NotClosable", (0, 2, 1, START + 100)
    ),
    "a close below the target in the last second": Refusal(
        after(one_in, wait(99)), close(), "NotClosable", (1, 3, 1, START + 100)
    ),
    "a close below the quorum after the deadline": Refusal(
        after(started(3, quorum=2), submit(1), wait(100)),
        close(),
        "NotClosable",
        (1, 3, 2, START + 100),
    ),
    "a node closes what is not closable": Refusal(
        one_in, close(ONE), "NotClosable", (1, 3, 1, START + 100)
    ),
    "a node closes in the last second of the grace after the target": Refusal(
        after(all_in, wait(9)), close(ONE), "GraceRunning", (START + 10, START + 9)
    ),
    "a node closes in the last second of the grace after the deadline": Refusal(
        after(one_in, wait(109)), close(ONE), "GraceRunning", (START + 110, START + 109)
    ),
    # Replacing a global.
    "the header replaces a global": Refusal(
        after(unfinal, wait(10)), replace_global(HEADER), "NotNode", (HEADER,)
    ),
    "a node replaces a global in the last second of the grace": Refusal(
        after(unfinal, wait(9)), replace_global(ONE), "GraceRunning", (START + 10, START + 9)
    ),
    "a node replaces a global twice": Refusal(
        after(unfinal, wait(10), replace_global(ONE), wait(10)),
        replace_global(ONE, digest("y")),
        "AlreadyReplaced",
        (1, 1),
    ),
    "a node replaces a global by itself": Refusal(
        after(unfinal, wait(10)),
        replace_global(ONE, digest("global 1")),
        "SameWeights",
        (digest("global 1"),),
    ),
    "a node replaces a global that is final": Refusal(
        after(unfinal, attest(1), attest(2), wait(10)),
        replace_global(ONE),
        "WrongRound",
        (1, 2),
    ),
    # Attestations.
    "another account attests": Refusal(
        unfinal,
        lambda s: s.act(TWO, "attest", 1, 1, X, current(s)),
        "NotAccountOfNode",
        (1, TWO),
    ),
    "the initial weights are not attested": Refusal(
        started(), lambda s: s.act(ONE, "attest", 1, 0, X, current(s)), "WrongRound", (0, 1)
    ),
    "no attestation before the start": Refusal(
        after(created(), by(OWNER, "registerNode", 1, ONE)),
        lambda s: s.act(ONE, "attest", 1, 2**32 - 1, X, current(s)),
        "WrongRound",
        (2**32 - 1, 0),
    ),
    "an attestation of an older global": Refusal(
        after(started(), play(1, 2), play(1, 2)),
        lambda s: s.act(ONE, "attest", 1, 1, X, current(s)),
        "WrongRound",
        (1, 3),
    ),
    "an attestation over a history that has moved": Refusal(
        unfinal, by(ONE, "attest", 1, 1, X, OLD), "StaleHistory", lambda s: (OLD, current(s))
    ),
    "a second attestation": Refusal(
        after(unfinal, attest(1)), attest(1), "AlreadyAttested", (1, 1)
    ),
    "a second attestation with another key": Refusal(
        after(unfinal, attest(1), by(OWNER, "replaceNode", 1, THREE)),
        attest(1),
        "AlreadyAttested",
        (1, 1),
    ),
    "a second attestation of a node that came back": Refusal(
        after(
            started(3, finality=2),
            play(1, 2, 3),
            attest(1),
            by(OWNER, "removeNode", 1),
            by(OWNER, "registerNode", 1, account(4)),
        ),
        attest(1),
        "AlreadyAttested",
        (1, 1),
    ),
    # Membership.
    "node 0": Refusal(created(), by(OWNER, "registerNode", 0, ONE), "ZeroNodeId"),
    "a node id is taken": Refusal(
        started(), by(OWNER, "registerNode", 1, THREE), "NodeTaken", (1, ONE)
    ),
    "an account holds another node": Refusal(
        started(), by(OWNER, "registerNode", 3, ONE), "AccountTaken", (ONE, 1)
    ),
    "a node without account": Refusal(
        created(), by(OWNER, "registerNode", 1, NOBODY), "ZeroAccount"
    ),
    "a key for nobody": Refusal(created(), by(OWNER, "replaceNode", 1, ONE), "UnknownNode", (1,)),
    "no key for a node": Refusal(started(), by(OWNER, "replaceNode", 1, NOBODY), "ZeroAccount"),
    "a node's own key for it": Refusal(
        started(), by(OWNER, "replaceNode", 1, ONE), "AccountTaken", (ONE, 1)
    ),
    "another node's key for it": Refusal(
        started(), by(OWNER, "replaceNode", 1, TWO), "AccountTaken", (TWO, 2)
    ),
    "nobody is removed": Refusal(started(), by(OWNER, "removeNode", 3), "UnknownNode", (3,)),
    "a removal below the quorum": Refusal(
        started(2, quorum=2), by(OWNER, "removeNode", 1), "TermsDoNotFit", (terms(quorum=2), 1)
    ),
    "a removal below pending terms": Refusal(
        after(started(2), change_terms(finality=2)),
        by(OWNER, "removeNode", 1),
        "TermsDoNotFit",
        (terms(finality=2), 1),
    ),
    "nobody as header": Refusal(started(), by(OWNER, "setHeader", NOBODY), "ZeroAccount"),
    # Terms.
    "other rounds by other terms": Refusal(
        started(), change_terms(rounds=4), "RoundsDiffer", (4, 3)
    ),
    "terms without a quorum": Refusal(
        started(), change_terms(quorum=0), "BadTerms", (terms(quorum=0),)
    ),
    "terms for more nodes than there are": Refusal(
        started(), change_terms(target=3), "TermsDoNotFit", (terms(target=3), 2)
    ),
    "an extension to the same round": Refusal(
        started(), by(OWNER, "extend", 3), "NotLonger", (3, 3)
    ),
    "an extension to an earlier round": Refusal(
        started(), by(OWNER, "extend", 2), "NotLonger", (2, 3)
    ),
    # Reopening.
    "registration reopened": Refusal(created(), by(OWNER, "reopen", 0), "WrongRound", (0, 0)),
    "the start reopened": Refusal(started(), by(OWNER, "reopen", 0), "WrongRound", (0, 1)),
    "a round to come reopened": Refusal(started(), by(OWNER, "reopen", 2), "WrongRound", (2, 1)),
    "a final round reopened": Refusal(
        after(started(), play(1, 2)), by(OWNER, "reopen", 1), "WrongRound", (1, 2)
    ),
    "a round before the last reopened": Refusal(
        after(unfinal, attest(1), attest(2), play(1, 2)),
        by(OWNER, "reopen", 1),
        "WrongRound",
        (1, 3),
    ),
} | {
    f"only the owner: {function}": Refusal(
        started(), by(HEADER, function, *values), "NotOwner", (HEADER, OWNER)
    )
    for function, values in OWNERS_CALLS.items()
}


@pytest.mark.parametrize("sentence", REFUSALS)
def test_the_contract_refuses(sentence: str) -> None:
    refusal = REFUSALS[sentence]
    sandbox = refusal.given()
    values = refusal.values(sandbox) if callable(refusal.values) else refusal.values
    with pytest.raises(RefusedError) as refused:
        refusal.call(sandbox)
    assert refused.value == RefusedError(refusal.error, *values)
    sandbox.compare()


def test_every_error_of_the_interface_is_provoked_here() -> None:
    assert {refusal.error for refusal in REFUSALS.values()} == error_names()


def test_a_reason_that_is_none_is_refused_by_the_encoding() -> None:
    sandbox = Sandbox().start()
    sandbox.submit(1)
    with pytest.raises(RefusedError) as refused:
        sandbox.reject(1, reason=len(Reason))
    assert refused.value == RefusedError("no custom error", b"")
