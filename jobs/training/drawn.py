"""Pictures that are there whole or not at all."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from jobs.training.written import whole


def write(figure: Figure, file: Path) -> Path:
    """SVG or PNG by the file's name; the same figure gives the same bytes."""
    kind = file.suffix.removeprefix(".")
    date = {"Date": None} if kind == "svg" else {}
    with whole(file) as candidate, rc_context({"svg.hashsalt": "figure"}):
        figure.savefig(candidate, format=kind, metadata=date)
    return file
