import numpy as np
import pytest

from fl_node.errors import DataError, SettingsError, UserCodeError
from fl_node.training.data import load_data, load_test_data
from tests.training.small_models import draft_of

X, Y = np.arange(12, dtype=np.float32).reshape(6, 2), np.arange(6) % 3


@pytest.fixture(scope="module")
def plan():
    """One input of two numbers, three nodes."""
    return draft_of("dense", nodes=3).plan


@pytest.fixture(scope="module")
def two_inputs():
    return draft_of("two_inputs").plan


def written(folder, text, name="mine.py"):
    (folder / name).write_text("import numpy as np\n" + text, encoding="utf-8")
    return f"{name}:load"


def test_a_function_without_arguments_gives_the_nodes_data(plan, tmp_path) -> None:
    source = written(tmp_path, "def load(): return np.ones((4, 2)), np.zeros(4)")
    assert load_data(source, plan, 1, folder=tmp_path).samples == 4


@pytest.mark.parametrize("arguments", ["node, nodes", "*, nodes, node", "**where", "node, nodes=9"])
def test_a_function_that_takes_node_and_nodes_gets_them(arguments, plan, tmp_path) -> None:
    where = "where['node'], where['nodes']" if "**" in arguments else "node, nodes"
    source = written(tmp_path, f"def load({arguments}): return np.array([[{where}]]), np.zeros(1)")
    assert load_data(source, plan, 2, folder=tmp_path).inputs[0].tolist() == [[2, 3]]


def test_a_module_in_the_current_folder_is_found(plan, tmp_path, monkeypatch) -> None:
    written(tmp_path, "def load(): return np.ones((5, 2)), np.zeros(5)", "my_module_of_data.py")
    monkeypatch.chdir(tmp_path)
    assert load_data("my_module_of_data:load", plan, 1).samples == 5


def test_a_file_may_import_its_neighbour(plan, tmp_path) -> None:
    written(tmp_path, "ROWS = 7", "neighbour_of_data.py")
    source = written(
        tmp_path,
        "from neighbour_of_data import ROWS\ndef load(): return np.ones((ROWS, 2)), np.zeros(ROWS)",
    )
    assert load_data(source, plan, 1, folder=tmp_path).samples == 7


def test_test_data_comes_from_the_function_beside_it(plan, tmp_path) -> None:
    source = written(
        tmp_path,
        "def load(): return np.ones((5, 2)), np.zeros(5)\n"
        "def test_load(): return np.ones((3, 2)), np.zeros(3)",
    )
    assert load_test_data(source, plan, folder=tmp_path).samples == 3


def test_without_such_a_function_there_is_no_test_data(plan, tmp_path) -> None:
    source = written(tmp_path, "def load(): return np.ones((5, 2)), np.zeros(5)")
    assert load_test_data(source, plan, folder=tmp_path) is None


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        ("None", "found nothing"),
        ("np.ones(3)", "found ndarray"),
        ("(1, 2, 3)", "found tuple of 3"),
        ("(np.ones((4, 2)), np.zeros(3))", "4 samples, the targets have 3"),
        ("(np.ones((0, 2)), np.zeros(0))", "at least one sample"),
        ("(np.full((4, 2), np.nan), np.zeros(4))", "NaN or infinity in row 0"),
        ("([[1], [2, 3]], np.zeros(2))", "no array"),
        ("({'other': np.ones((4, 2))}, np.zeros(4))", "should give the inputs"),
        ("(np.array(['a']), np.zeros(1))", "array of numbers"),
    ],
)
def test_what_a_function_may_not_return_is_named_in_one_line(
    returned, found, plan, tmp_path
) -> None:
    source = written(tmp_path, f"def load(): return {returned}")
    with pytest.raises(DataError, match=found) as caught:
        load_data(source, plan, 1, folder=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "source", ["absent.py:load", "mine.py:absent", "absent_module:load", "mine.py:NUMBER"]
)
def test_a_function_that_is_not_there_is_named(source, plan, tmp_path) -> None:
    written(tmp_path, "NUMBER = 3")
    with pytest.raises(SettingsError, match="asked for"):
        load_data(source, plan, 1, folder=tmp_path)


@pytest.mark.parametrize("source", ["absent", "absent.npz", "MNIST", "mine.py", ""])
def test_what_is_no_source_is_refused_with_what_there_is(source, plan, tmp_path) -> None:
    (tmp_path / "mine.py").touch()
    if source == "":
        (tmp_path / "sub").mkdir()
    with pytest.raises(DataError, match=r"none of mnist, fashion-mnist|holds no \.npz"):
        load_data(source, plan, 1, folder=tmp_path)


def test_several_inputs_come_by_name_or_in_order(two_inputs, tmp_path) -> None:
    numbers, tokens = "np.ones((2, 4))", "np.zeros((2, 5), int)"
    by_name = written(
        tmp_path,
        f"def load(): return {{'numbers': {numbers}, 'tokens': {tokens}}}, np.zeros(2)",
        "by_name.py",
    )
    in_order = written(
        tmp_path, f"def load(): return ({tokens}, {numbers}), np.zeros(2)", "in_order.py"
    )
    for source in (by_name, in_order):
        data = load_data(source, two_inputs, 1, folder=tmp_path)
        assert [x.shape for x in data.inputs] == [(2, 5), (2, 4)]


@pytest.mark.parametrize("keys", [("x_0", "x_1"), ("tokens", "numbers")])
def test_several_inputs_come_from_a_file(keys, two_inputs, tmp_path) -> None:
    arrays = {keys[0]: np.zeros((6, 5), int), keys[1]: np.ones((6, 4))}
    np.savez(tmp_path / "a.npz", **arrays, y=Y)
    data = load_data("a.npz", two_inputs, 1, folder=tmp_path)
    assert [x.shape for x in data.inputs] == [(6, 5), (6, 4)]


def test_a_folder_is_all_its_files_but_those_for_tests(plan, tmp_path) -> None:
    for name, rows in (("a", 4), ("b", 6), ("test", 3), ("test_2", 2)):
        np.savez(tmp_path / f"{name}.npz", x=X[:rows], y=Y[:rows])
    data = load_data(str(tmp_path), plan, 1)
    assert data.inputs[0].tolist() == [*X[:4].tolist(), *X[:6].tolist()]
    assert load_test_data(str(tmp_path), plan).samples == 5


def test_one_file_has_no_test_data(plan, tmp_path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    assert load_data("a.npz", plan, 1, folder=tmp_path).samples == 6
    assert load_test_data("a.npz", plan, folder=tmp_path) is None


def test_a_folder_without_files_is_refused(plan, tmp_path) -> None:
    with pytest.raises(DataError, match=r"holds no \.npz file"):
        load_data(str(tmp_path), plan, 1)


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"x": X}, "should hold the arrays x and y .* found x"),
        ({"x": X, "y": Y, "z": Y}, "found x, y, z"),
        ({}, "found none"),
        ({"x": X, "y": np.array([{}] * 6)}, r"no \.npz file of plain arrays"),
    ],
)
def test_a_file_with_other_arrays_is_refused(arrays, found, plan, tmp_path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=found):
        load_data("a.npz", plan, 1, folder=tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", b"\x80\x04].", "npy"])
def test_a_file_that_is_no_npz_is_refused(content, plan, tmp_path) -> None:
    if content == "npy":
        with (tmp_path / "a.npz").open("wb") as stream:
            np.save(stream, X)
    else:
        (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz"):
        load_data("a.npz", plan, 1, folder=tmp_path)


def test_files_that_do_not_fit_together_are_refused(plan, tmp_path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    np.savez(tmp_path / "b.npz", x=X.reshape(6, 2, 1), y=Y)
    with pytest.raises(DataError, match="do not fit together"):
        load_data(str(tmp_path), plan, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def load(): return 1 / 0", "mine.py:load raised ZeroDivisionError: division by zero"),
        ("raise OSError('no such table')", "mine.py raised OSError: no such table"),
        ("import nothing_like_that", "mine.py raised ModuleNotFoundError: No module named"),
    ],
)
def test_what_a_users_code_raises_is_one_line_that_says_where(plan, tmp_path, text, told) -> None:
    source = written(tmp_path, text)
    with pytest.raises(UserCodeError) as caught:
        load_data(source, plan, 1, folder=tmp_path)
    assert str(caught.value).startswith(told)
    assert "(mine.py line 2)" in str(caught.value)
    assert "\n" not in str(caught.value)
