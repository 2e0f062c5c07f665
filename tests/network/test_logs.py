from itertools import islice
from threading import Timer

import pytest

from fl_node.errors import NetworkError
from fl_node.network.logs import Log, follow, last_lines, logs_of

HOSTS = ["header", "node-1"]


def written(folder, host, daemon, text):
    (folder / host / "logs").mkdir(parents=True, exist_ok=True)
    (folder / host / "logs" / f"{daemon}.log").write_text(text)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (None, ["header-geth", "header-ipfs", "node-1-geth", "node-1-ipfs"]),
        ("node-1", ["node-1-geth", "node-1-ipfs"]),
        ("header-ipfs", ["header-ipfs"]),
    ],
)
def test_logs_are_chosen_by_host_or_daemon(tmp_path, wanted, names):
    assert [log.name for log in logs_of(tmp_path, HOSTS, wanted)] == names


def test_an_unknown_name_is_told_which_there_are(tmp_path):
    with pytest.raises(NetworkError, match=r"no log of 'node-9'; there are: header-geth, header"):
        logs_of(tmp_path, HOSTS, "node-9")


def test_a_hosts_own_folder_holds_its_logs(tmp_path):
    (log,) = logs_of(tmp_path, ["node-1"], "node-1-geth")
    assert log.path == tmp_path / "logs" / "geth.log"


def test_the_last_lines_are_shown_and_none_of_what_is_not_written(tmp_path):
    written(tmp_path, "node-1", "geth", "a\nb\nc\n")
    geth, ipfs = logs_of(tmp_path, HOSTS, None)[2:]
    assert geth.path.is_file()
    geth, ipfs = logs_of(tmp_path, HOSTS, "node-1")
    assert last_lines(geth, 2) == ["b", "c"]
    assert last_lines(ipfs, 2) == []


def test_following_gives_whole_lines_and_goes_on_in_a_log_that_starts_anew(tmp_path):
    log = Log("x", tmp_path / "x.log")
    log.path.write_text("old\n")
    lines = follow([log])

    def append():
        with log.path.open("a") as stream:
            stream.write("one\ntwo\nthr")

    timers = [Timer(0.1, append), Timer(0.6, lambda: log.path.write_text("n\n"))]
    for timer in timers:
        timer.start()
    assert [line for _, line in islice(lines, 3)] == ["one", "two", "n"]
    for timer in timers:
        timer.join()
