"""Which kinds of customers there are: a segment by its name, its size and its medians."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from jobs.training.segments.features import NAMES
from jobs.training.segments.names import names
from jobs.training.segments.segmentation import Segments

FILE = "kinds.parquet"
COLUMNS: list[tuple[str, pa.DataType]] = [
    ("model", pa.string()),
    ("origin", pa.date32()),
    ("segment_id", pa.int64()),
    ("segment_code", pa.string()),
    ("segment_name", pa.string()),  # in English
    ("segment_name_zh", pa.string()),
    ("accounts", pa.int64()),  # in it
    *((name, pa.float64()) for name in NAMES),  # median over them, in the feature's unit
    ("champion", pa.bool_()),
]
SHOWN = ("recency_days", "regularity", "spend_per_week_usd", "discount_share", "coupon_share")


def kinds(of: Segments, accounts: pd.DataFrame) -> pd.DataFrame:
    """A row per segment, as COLUMNS has it but for model, origin and champion.

    Args:
        accounts: as `Segments.assign` says of them.
    """
    texts = [names().text(code) for code in of.codes]
    found = of.centres.rename_axis("segment_id").reset_index()
    counts = accounts["segment_id"].value_counts()
    return found.assign(
        segment_code=of.codes,
        segment_name=[text.en for text in texts],
        segment_name_zh=[text.zh for text in texts],
        accounts=found["segment_id"].map(counts).fillna(0).astype(int),
    )


def show(out: Path) -> None:
    """Print the champion's segments at a bench's newest origin, those who spend most first."""
    from rich.console import Console
    from rich.table import Table

    found = pd.read_parquet(out / FILE)
    origin = found["origin"].max()
    newest = found[found["champion"] & (found["origin"] == origin)]
    page = Table("kind", "customers", *SHOWN, title=f"as of {origin}, medians")
    for row in newest.sort_values("spend_per_week_usd", ascending=False).to_dict("records"):
        values = (f"{row[name]:,.3g}" for name in SHOWN)
        page.add_row(row["segment_name"], f"{row['accounts']:,}", *values)
    page.caption = f"all features and models: {out / FILE}"
    Console(width=130).print(page)
