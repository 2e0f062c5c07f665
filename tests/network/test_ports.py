import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fl_node.errors import NetworkError
from fl_node.network.host import Ports
from fl_node.network.ports import free_ports, is_free, require_free
from tests.network.networks import network


@contextmanager
def listening(address: str = "127.0.0.1") -> Iterator[int]:
    with socket.socket() as server:
        server.bind((address, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_is_free_until_somebody_listens():
    with listening() as port:
        assert not is_free("127.0.0.1", port)
    assert is_free("127.0.0.1", port)


def test_another_machines_address_is_named():
    with pytest.raises(NetworkError, match=r"does not have the address 192\.0\.2\.1"):
        is_free("192.0.2.1", 4001)


def test_all_ports_of_all_hosts_differ():
    names = ["header", "node-1", "node-2", "node-3"]
    found = free_ports(names, {})
    assert list(found) == names
    every = [port for each in found.values() for port in each.all()]
    assert len(set(every)) == 16


def test_free_ports_stay_and_taken_ones_give_way_to_the_next():
    had = free_ports(["header"], {})["header"]
    assert free_ports(["header"], {"header": had}) == {"header": had}
    with socket.socket() as server:
        server.bind(("127.0.0.1", had.rpc))
        server.listen()
        moved = free_ports(["header"], {"header": had})["header"]
    assert moved.rpc > had.rpc
    assert (moved.p2p, moved.api, moved.swarm) == (had.p2p, had.api, had.swarm)


def test_hosts_that_had_the_same_port_are_parted():
    same = Ports(28545, 28546, 28547, 28548)
    found = free_ports(["header", "node-1"], {"header": same, "node-1": same})
    assert not set(found["header"].all()) & set(found["node-1"].all())


def test_the_end_of_the_range_is_an_error():
    with listening() as port:
        had = Ports(65535, 65535, 65535, port)
        with pytest.raises(NetworkError, match="no port from 65535 on is free"):
            free_ports(["header"], {"header": had})


@pytest.mark.parametrize("which", ["rpc", "p2p", "api", "swarm"])
def test_a_hosts_taken_port_is_named(which):
    free = free_ports(["header"], {})["header"]
    with listening() as port:
        ports = Ports(
            **{key: getattr(free, key) for key in ("rpc", "p2p", "api", "swarm")} | {which: port}
        )
        made = network().moved(dict.fromkeys(("header", "node-1", "node-2"), ports))
        with pytest.raises(NetworkError, match=f"header needs port {port} on 127"):
            require_free(made.host("header"))
