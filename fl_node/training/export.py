"""A global model as a ``.keras`` file, for use without this project."""

import tempfile
from pathlib import Path

from fl_node.errors import ModelError
from fl_node.files import write_atomically
from fl_node.plan import Plan
from fl_node.training.models import build_model, load_weights
from fl_node.weights import Weights


def export_model(plan: Plan, weights: Weights, file: Path) -> None:
    """Write a plan's model with these weights, whole or not at all.

    :raises ModelError: when the file is not called ``….keras``
    """
    if file.suffix != ".keras":
        raise ModelError(f"Keras saves models as FILE.keras, found {file.name!r}")
    model = build_model(plan)
    load_weights(model, weights)
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / file.name
        model.save(saved)
        write_atomically(file, [saved.read_bytes()])
