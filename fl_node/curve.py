"""The picture of a federation: accuracy over rounds. The only file that imports matplotlib."""

from io import BytesIO
from pathlib import Path

from fl_node.errors import FlnodeError
from fl_node.files import write_atomically
from fl_node.status import Status

_FORMATS = (".png", ".svg", ".pdf")


def draw_curve(status: Status, file: Path) -> None:
    """Draw each round's accuracy, as its closer measured it.

    :raises FlnodeError: for another kind of picture, or when no round has an accuracy
    """
    if file.suffix not in _FORMATS:
        raise FlnodeError(f"a picture is {', '.join(_FORMATS)}, {file.name!r} is none of them")
    points = [(each.number, each.accuracy) for each in status.rounds if each.accuracy is not None]
    if not points:
        raise FlnodeError("no closed round has an accuracy to draw: run some, or see flnode status")
    write_atomically(file, [_picture(points, status, file.suffix[1:])])


def _picture(points: list[tuple[int, float]], status: Status, kind: str) -> bytes:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    rounds, accuracies = zip(*points, strict=True)
    axes.plot(rounds, [100 * accuracy for accuracy in accuracies], marker="o")
    axes.set(xlabel="round", ylabel="accuracy of the global model (%)", title=status.name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    buffer = BytesIO()
    figure.savefig(buffer, format=kind, dpi=150)
    return buffer.getvalue()
