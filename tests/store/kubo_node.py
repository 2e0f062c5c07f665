"""Real Kubo nodes in a private swarm on loopback, for tests."""

import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

_START_SECONDS = 60


def kubo_binary() -> Path:
    """Find the daemon that tests run."""
    return Path.home() / ".cache" / "flnode" / "kubo" / "ipfs"


def new_swarm_key() -> str:
    return f"/key/swarm/psk/1.0.0/\n/base16/\n{secrets.token_hex(32)}\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class KuboNode:
    """A repository and the daemon over it; ports stay the same when it is started again."""

    folder: Path
    swarm_key: str
    api_port: int = field(default_factory=free_port)
    swarm_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    id: str = ""

    @property
    def api(self) -> str:
        return f"/ip4/127.0.0.1/tcp/{self.api_port}"

    @property
    def swarm_address(self) -> str:
        return f"/ip4/127.0.0.1/tcp/{self.swarm_port}"

    def create(self) -> "KuboNode":
        self.folder.mkdir(parents=True)
        self.run("init", "--empty-repo", "--profile=flatfs")
        (self.folder / "swarm.key").write_text(self.swarm_key)
        path = self.folder / "config"
        config = json.loads(path.read_text())
        self.id = config["Identity"]["PeerID"]
        path.write_text(json.dumps(_private(config, self.api, self.swarm_address)))
        return self

    def know(self, others: Iterable["KuboNode"]) -> None:
        """Write its peering list; it counts from the next start."""
        path = self.folder / "config"
        config = json.loads(path.read_text())
        peers = [{"ID": other.id, "Addrs": [other.swarm_address]} for other in others]
        config["Peering"] = {"Peers": peers}
        path.write_text(json.dumps(config))

    def start(self) -> "KuboNode":
        with (self.folder / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                [kubo_binary(), "daemon"], env=self.environment(), stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            log_text = (self.folder / "daemon.log").read_text()
            assert time.monotonic() < deadline, log_text
            assert self.process.poll() is None, log_text
            time.sleep(0.02)
        return self

    def answers(self) -> bool:
        try:
            self.call("version")
        except (URLError, ConnectionError):
            return False
        return True

    def call(self, command: str) -> str:
        """Ask its API, by other means than the store's."""
        request = Request(f"http://127.0.0.1:{self.api_port}/api/v0/{command}", method="POST")
        with urlopen(request, timeout=20) as answer:
            return str(answer.read().decode())

    def run(self, *arguments: str, content: bytes | None = None) -> str:
        """Run the program itself, which asks the daemon if it runs."""
        command = [str(kubo_binary()), *arguments]
        done = subprocess.run(
            command, env=self.environment(), input=content, capture_output=True, check=True
        )
        return done.stdout.decode(errors="replace").strip()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def connect(self, other: "KuboNode") -> None:
        self.call(f"swarm/connect?arg={other.swarm_address}/p2p/{other.id}")

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "IPFS_PATH": str(self.folder),
            "IPFS_TELEMETRY": "off",
            "LIBP2P_FORCE_PNET": "1",
        }


def _private(config: dict, api: str, swarm_address: str) -> dict:
    """Turn a fresh configuration into that of a private swarm that asks nobody else."""
    config["Addresses"] |= {"API": api, "Gateway": [], "Swarm": [swarm_address]}
    config["AutoConf"] = {"Enabled": False}
    config["AutoTLS"] = {"Enabled": False}
    config["Bootstrap"] = []
    config["DNS"] = {"Resolvers": {}}
    config["Discovery"]["MDNS"]["Enabled"] = False
    config["Ipns"] = (config.get("Ipns") or {}) | {"DelegatedPublishers": []}
    config["Provide"] = {"Enabled": False}
    config["Routing"] = {"Type": "none", "DelegatedRouters": []}
    config["Swarm"] = (config.get("Swarm") or {}) | {
        "DisableNatPortMap": True,
        "RelayClient": {"Enabled": False},
        "RelayService": {"Enabled": False},
        "EnableHolePunching": False,
        "Transports": {
            "Network": {
                "QUIC": False,
                "Relay": False,
                "WebTransport": False,
                "WebRTCDirect": False,
                "Websocket": False,
            }
        },
    }
    return config
