from pathlib import Path

from fl_node.cache import cache_folder


def test_the_cache_follows_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("FLNODE_CACHE", "/a/b")
    assert cache_folder() == Path("/a/b")
    monkeypatch.delenv("FLNODE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/flnode")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "flnode"
