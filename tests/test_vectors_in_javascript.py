"""The vectors hold in another language too, which shares no code with ours."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.vectors import FOLDER, read_vectors


def test_javascript_finds_the_vectors_right():
    beside = str(Path(sys.executable).parent)
    node = shutil.which("node", path=os.pathsep.join([os.environ["PATH"], beside]))
    assert node, "install node, or the development dependencies, which bring it"
    done = subprocess.run([node, FOLDER / "check.mjs"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    merkle = read_vectors("merkle.json")
    assert json.loads(done.stdout) == {
        "files": 3,
        "fedavg": len(read_vectors("fedavg.json")),
        "tree_sum": len(read_vectors("tree_sum.json")),
        "merkle": len(merkle["roots"]) + len(merkle["inclusion"]),
        "record": 1,
    }
