"""Vectors: inputs and the bytes or bits that any implementation must give; see README.md."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def read_vectors(name: str) -> Any:
    return json.loads((FOLDER / name).read_text())
