"""Chains in processes of their own, on loopback, each in a folder that goes away with the tests."""

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from fl_node.chain.accounts import new_account, new_password
from fl_node.chain.embedded import embedded_account
from fl_node.chain.rpc import RpcConnection
from fl_node.chain.transfer import transfer
from fl_node.network.build import find_daemon
from fl_node.network.daemons import CURRENT_GETH, GETH
from fl_node.network.genesis import draw_chain_id, genesis_bytes
from tests.chain.scene import ROLES, address

_FUNDS_WEI = 10**24
_UP_SECONDS = 30
_MODULES = Path(__file__).parents[2] / "contracts" / "node_modules"


class RpcNode(ABC):
    """A node that serves a chain of its own.

    :ivar url: of its JSON-RPC; the same after a restart
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Give what starts it in the foreground."""

    @abstractmethod
    def fund(self, account: str) -> None:
        """Give an account a balance."""

    @abstractmethod
    def wait(self, seconds: int) -> None:
        """Let seconds pass on the chain."""

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            # What it keeps in a home folder goes where the rest is.
            environment = os.environ | {"HOME": str(self._folder)}
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, cwd=self._folder, env=environment
            )
        until(self._answers, _UP_SECONDS)

    def stop(self, with_signal: int = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(with_signal)
        self._process.wait(timeout=_UP_SECONDS)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def ask(self, method: str, *params: object) -> Any:
        found = self._asked(method, *params)
        assert "error" not in found, found
        return found["result"]

    def _asked(self, method: str, *params: object) -> dict[str, Any]:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        asked = Request(self.url, body.encode(), {"Content-Type": "application/json"})
        with urlopen(asked, timeout=_UP_SECONDS) as answer:
            return dict(json.load(answer))

    def connection(self, settled_depth: int = 1) -> RpcConnection:
        connection = RpcConnection(self.url)
        connection._settled_depth = settled_depth  # these genesis blocks name no sealers
        return connection

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            self.ask("eth_chainId")
        except OSError:
            return False
        return True


class Anvil(RpcNode):
    """Anvil by London's rules: a block for every transaction, unless told not to.

    :ivar options: more of the command line
    """

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self.options = options

    def command(self) -> list[str]:
        port = ["--port", str(self.port)]
        return [str(_anvil()), "--hardfork", "london", "--silent", *port, *self.options]

    def fund(self, account: str) -> None:
        self.ask("anvil_setBalance", account, hex(_FUNDS_WEI))

    def wait(self, seconds: int) -> None:
        self.ask("evm_increaseTime", seconds)
        self.mine()

    def mine(self, blocks: int = 1) -> None:
        self.ask("anvil_mine", hex(blocks))

    def pending(self, account: str) -> list[Any]:
        """Give an account's transactions that wait for a block."""
        waiting = self.ask("txpool_content")["pending"]
        found = {sender.lower(): by_nonce for sender, by_nonce in waiting.items()}
        return list(found.get(account.lower(), {}).values())


class GethDev(RpcNode):
    """Current Geth's chain for developers: a block for every transaction, on the real clock."""

    def command(self) -> list[str]:
        binary = find_daemon(CURRENT_GETH, print)
        chain = ["--dev", "--dev.period", "0", "--datadir", str(self._folder / "geth")]
        rpc = ["--http", "--http.port", str(self.port), "--http.api", "eth,net,web3"]
        closed = ["--authrpc.port", str(free_port()), "--ipcdisable", "--nodiscover", "--port", "0"]
        return [str(binary), *chain, *rpc, *closed]

    def fund(self, account: str) -> None:
        self._pay(account, _FUNDS_WEI)

    def wait(self, seconds: int) -> None:
        """Make blocks: each is a second after the one before at least, and soon ahead of us."""
        end = max(int(time.time()), self._newest_seconds()) + seconds
        while self._newest_seconds() < end:
            self._pay(address("owner"), 0)

    def _pay(self, account: str, wei: int) -> None:
        (rich,) = self.ask("eth_accounts")
        sent = self.ask("eth_sendTransaction", {"from": rich, "to": account, "value": hex(wei)})
        # Right after its start it answers with an error: that it is still indexing.
        receipt = partial(self._asked, "eth_getTransactionReceipt", sent)
        until(lambda: receipt().get("result") is not None, _UP_SECONDS)

    def _newest_seconds(self) -> int:
        return int(self.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)


class GethClique(RpcNode):
    """Geth 1.13.15 as one Clique sealer that makes a block for every transaction."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._binary = find_daemon(GETH, print)
        self._data = folder / "geth"
        password = new_password(folder / "password")
        (self._data / "keystore").mkdir(parents=True)
        self._sealer = new_account(self._data / "keystore" / "sealer", password, light=True)
        funded = [address(role) for role in (*ROLES, "rich")]
        genesis = genesis_bytes(draw_chain_id(), 0, [self._sealer], funded)
        (folder / "genesis.json").write_bytes(genesis)
        begun = [str(self._binary), "--datadir", str(self._data), "init", "genesis.json"]
        subprocess.run(begun, cwd=folder, check=True, capture_output=True, timeout=_UP_SECONDS)

    def command(self) -> list[str]:
        rpc = ["--http", "--http.port", str(self.port), "--http.api", "eth,net,web3"]
        closed = ["--authrpc.port", str(free_port()), "--ipcdisable", "--nodiscover", "--port", "0"]
        signs = ["--unlock", self._sealer, "--password", "password", "--allow-insecure-unlock"]
        seals = ["--mine", "--miner.etherbase", self._sealer, "--miner.gasprice", "1"]
        data = ["--datadir", str(self._data), "--gcmode", "archive", "--syncmode", "full"]
        return [str(self._binary), *data, *rpc, *closed, *signs, *seals]

    def fund(self, account: str) -> None:
        assert int(self.ask("eth_getBalance", account, "latest"), 16) > 0, "the genesis funds it"

    def wait(self, seconds: int) -> None:
        """Let real time pass: a block from ahead of the clock would be refused."""
        time.sleep(seconds)
        transfer(self.connection(), embedded_account("rich"), address("owner"), 1)


@contextmanager
def running(node: RpcNode, roles: Iterable[str] = ROLES) -> Iterator[Any]:
    """Start a node on which these roles have funds; end it by its process, wherever it is then."""
    node.start()
    try:
        for role in roles:
            node.fund(address(role))
        yield node
    finally:
        node.kill()


def until(holds: Callable[[], bool], seconds: float) -> None:
    """Wait for something, or fail."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"did not come within {seconds} s"
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _anvil() -> Path:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"@foundry-rs/anvil-{platform.system().lower()}-{machine}"
    installed = _MODULES / package / "bin" / "anvil"
    found = str(installed) if installed.is_file() else shutil.which("anvil")
    if found is None:
        pytest.fail("Anvil was expected: try `npm ci --prefix contracts`, or put it on PATH")
    return Path(found)
