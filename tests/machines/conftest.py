"""Three machines with running hosts, for all tests of a module."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fl_node.network.supervision import stop
from tests.devnet.story import HOSTS, Story
from tests.machines.lan import Lan, NamespacesError, address, open_lan
from tests.machines.machines import Machines, write_folders

WITHOUT_ROOT = "TESTS_WITHOUT_ROOT"


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    if os.environ.get(WITHOUT_ROOT):
        pytest.skip(f"{WITHOUT_ROOT} is set: no network namespaces are made")
    refusal, made = "", None
    try:
        made = open_lan()
    except NamespacesError as error:
        refusal = str(error)
    if made is None:
        pytest.fail(
            f"machines are network namespaces, which take root and iproute2 ({refusal}): "
            f"run as root, or set {WITHOUT_ROOT}=1",
            pytrace=False,
        )
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def machines(lan: Lan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    scratch = tmp_path_factory.mktemp("machines")
    lines = [f'{host} = "{address(number)}"' for number, host in enumerate(HOSTS)]
    (scratch / "hosts.toml").write_text("\n".join(["[hosts]", *lines, ""]))
    made = Machines(lan, scratch)
    for number, source in enumerate(write_folders(scratch / "network", scratch / "hosts.toml")):
        made.arrive(source, number)
    try:
        made.start_until_ready("node-2", "header", "node-1")
        yield made
    finally:
        for host in lan.namespaces:
            if (scratch / host).is_dir():
                stop(scratch / host)


@pytest.fixture
def deploy(machines: Machines, tmp_path: Path) -> Iterator[Callable[[int], tuple[Story, str]]]:
    """Deploys federations; roles that run at the end are stopped."""
    told: list[Story] = []

    def begin(rounds: int) -> tuple[Story, str]:
        story, plan = machines.deploy(tmp_path / "logs", rounds)
        told.append(story)
        return story, plan

    yield begin
    for each in told:
        each.stop()
