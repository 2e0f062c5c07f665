"""The command `flnode deploy` that kills itself where it is told to.

Only what reads the plan file is replaced: a model of small tensors needs no Keras.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fl_node.chain.deploy
import fl_node.hosts
from aggregator.roles_command import deploy as _command  # noqa: F401  imported before the fork
from fl_node import cli
from fl_node.chain import transact, transaction
from fl_node.chain.ethereum import EthereumLedger
from fl_node.config import FILE_NAME
from fl_node.rounds import Terms
from fl_node.store.ipfs import IpfsStore
from fl_node.training import draft
from tests.crash.fuse import Fuse, after, before
from tests.crash.wiring import how_far
from tests.small_federation import initial_weights, small_plan

ROUND = 0  # in which a deployment's moments are
PLAN = small_plan(fetch_timeout_seconds=60, nodes=2)
_SENT = {
    "a constructor": "after the creation is sent, not mined",
    "setGlobalWeight": "after global 0 is sent, not mined",
}


def deploy(network: Path, terms: Terms, fuse: Fuse) -> None:
    """Type the command in this process, in a network's folder."""
    small = draft.Draft(PLAN, initial_weights(), terms, "mnist")
    draft.read_draft = lambda *_: small  # type: ignore[assignment]
    _wire_creation(fuse)
    _wire_opening(fuse)
    _wire_telling(fuse)
    sys.argv = ["flnode", "deploy", "plan.toml", "--folder", str(network), "--json"]
    cli.main()


def _wire_creation(fuse: Fuse) -> None:
    after(
        IpfsStore,
        "put",
        in_turn(fuse, "after the plan is stored", "after the initial model is stored"),
    )

    def sends(sent: Any, connection: Any, _signer: object, calls: Any, *_: object) -> None:
        moment = _SENT.get(getattr(calls[0], "fn_name", "a constructor"), "")
        fuse.reached(moment, ROUND, lambda: how_far(connection, sent[0]))

    after(transact, "send", sends)
    after(fl_node.chain.deploy, "deploy_contract", in_turn(fuse, "after the creation is mined"))


def _wire_opening(fuse: Fuse) -> None:
    def hands_over(_: object, _connection: object, _signer: object, call: Any, *__: object) -> None:
        if getattr(call, "fn_name", "") == "registerNode":
            fuse.reached("between two registrations", ROUND)

    after(transaction, "_send", hands_over)
    after(EthereumLedger, "register_nodes", in_turn(fuse, "after the last registration"))
    after(EthereumLedger, "set_global_weight", in_turn(fuse, "after global 0 is mined"))


def _wire_telling(fuse: Fuse) -> None:
    first, last = (f"with the {which} host's settings half written" for which in ("first", "last"))
    replaced = in_turn(fuse, first, "", last)

    def replaces(path: Path, _: object) -> None:
        if path.name.startswith(f".{FILE_NAME}"):
            replaced()

    before(fl_node.hosts, "_told", in_turn(fuse, "before the settings are written"))
    before(Path, "replace", replaces)
    after(fl_node.hosts, "_told", in_turn(fuse, "after the first host's settings"))


def in_turn(fuse: Fuse, *moments: str) -> Callable[..., None]:
    """Name the first, the second, … call."""
    left = iter(moments)

    def called(*_: object, **__: object) -> None:
        moment = next(left, "")
        if moment:
            fuse.reached(moment, ROUND)

    return called
