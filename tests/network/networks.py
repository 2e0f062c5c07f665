"""Networks to test with, made up and real."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from fl_node.network.host import Host, Network, Ports
from fl_node.network.readiness import head_of

BASE = Ports(8545, 30303, 5001, 4001)


def host(name: str, number: int, address: str = "127.0.0.1") -> Host:
    return Host(
        name=name,
        address=address,
        ports=Ports(*(port + number for port in BASE.all())),
        account="0x" + f"{number + 1:02x}" * 20,
        sealer="0x" + f"{number + 101:02x}" * 20,
        public_key=f"{number + 1:02x}" * 64,
        peer_id=f"12D3KooW{number}",
    )


def network(*addresses: str) -> Network:
    addresses = addresses or ("127.0.0.1",) * 3
    names = ["header", *(f"node-{node}" for node in range(1, len(addresses)))]
    hosts = tuple(
        host(name, number, address)
        for number, (name, address) in enumerate(zip(names, addresses, strict=True))
    )
    return Network(
        chain_id=1234567,
        period_seconds=1,
        owner="0x" + "ff" * 20,
        sealers=tuple(each.sealer for each in hosts),
        swarm_key="ab" * 32,
        hosts=hosts,
    )


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.lstat().st_mode & 0o777
        for path in folder.rglob("*")
        if not path.is_symlink()
    }


def eventually(happens: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until it happens."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.05)


def heights(made: Network) -> list[int]:
    """Give the number of each host's newest block."""
    return [head_of(each).number for each in made.hosts]


def store_text(binary: Path, node: Host, text: str) -> str:
    """Add a text to a Kubo node and give its CID."""
    return _ipfs(binary, node, ["add", "--quieter"], text).strip()


def stored_text(binary: Path, node: Host, cid: str) -> str:
    """Read a text from a Kubo node, which fetches it from others if need be."""
    return _ipfs(binary, node, ["cat", "--timeout", "10s", cid])


def _ipfs(binary: Path, node: Host, words: list[str], given: str = "") -> str:
    api = node.store.removeprefix("ipfs:")
    done = subprocess.run(
        [str(binary), "--api", api, *words],
        input=given,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout
