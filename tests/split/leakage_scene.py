"""A small plan of each configuration, with data of which something can be learned."""

from pathlib import Path

from fl_node.split.draft import draft_split
from fl_node.split.plan_file import parse_split_file
from fl_node.training.backend import start_backend
from fl_node.training.dataset import Dataset
from tests.split.cut_models import data_for, noisy

BATCH = 32
FILE = {
    "name": "noisy",
    "model": "tests.split.cut_models:noisy",
    "data": "tests.split.cut_models:no_data",
    "loss": "sparse_categorical_crossentropy",
    "optimizer": {"name": "Adam", "learning_rate": 0.003},
    "batch_size": BATCH,
}


def drafted(**table):
    """Draft a split plan of the model `noisy`, cut below its dense layers."""
    start_backend()
    split = {"cut_after": "drop_low"} | table
    return draft_split(parse_split_file(FILE | {"split": split}, Path.cwd(), {}))


def samples(count, first=0):
    """Give some of the same samples each time: others, from the same ten centres, from `first`."""
    start_backend()
    data = data_for(noisy(), first + count)
    return Dataset(tuple(each[first:] for each in data.inputs), data.targets[first:])
