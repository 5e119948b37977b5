"""What a bench of files has of a model: kept beside its answers, so that a killed one goes on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.training import board
from jobs.training.board import Scored
from jobs.training.family import FAILED_SHARE, TooManyFailed
from jobs.training.written import whole

FOLDER = ".judged"  # in the bench's own


@dataclass(frozen=True)
class Answered:
    """One model on everything that was asked."""

    rows: pa.Table  # its lists, or its forecasts
    scored: list[Scored]
    told: Mapping[str, Any] = field(default_factory=dict)  # as JSON has it


def keep(found: Answered, out: Path, name: str) -> None:
    """In a bench's folder. What was scored comes last: where it is, the rows are whole."""
    board.write(found.rows, out / FOLDER, f"{name}.parquet")
    scored = [
        {
            **asdict(one),
            "per_subject": list(one.per_subject),
            "subjects": list(one.per_subject.index),
        }
        for one in found.scored
    ]
    with whole(out / FOLDER / f"{name}.json") as candidate:
        candidate.write_text(json.dumps({"scored": scored, "told": found.told}))


def not_too_many(failed: int, judged: int, out: Path) -> None:
    """Whether enough of the models that were judged have answered.

    Raises:
        TooManyFailed: more than FAILED_SHARE of them have not.
    """
    if failed > FAILED_SHARE * judged:
        raise TooManyFailed(
            f"{failed} of {judged} models failed, more than {FAILED_SHARE:.0%};"
            f" {out}/errors.parquet says why"
        )


def kept(out: Path, name: str) -> Answered | None:
    """What `keep` wrote; null if it did not."""
    file = out / FOLDER / f"{name}.json"
    if not file.exists():
        return None
    found = json.loads(file.read_text())
    scored = []
    for row in found["scored"]:
        row["per_subject"] = pd.Series(row["per_subject"], row.pop("subjects"), dtype=float)
        scored.append(Scored(**row))
    return Answered(pq.read_table(out / FOLDER / f"{name}.parquet"), scored, found["told"])
