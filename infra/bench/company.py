"""A company of any size for the benchmarks: The Complete Journey, copied and continued.

The first year of the first copy is the package's own. Everything else is synthetic: copies have
other customers, orders and shops and buy the same on the same days; a year that follows repeats the
one before it 364 days later, so that weekdays stay.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from rich.progress import track

from infra.demo import drops
from infra.demo.drops import FIRST_DAY, FIRST_MONDAY, PLAN_LEAD_DAYS, package_file, write
from jobs import landing
from jobs.settings import settings
from jobs.sources import erp, till
from jobs.table import Landed, columns, table

IDS = ("account_id", "record_id")
YEAR_DAYS = 364  # whole weeks, so that a day keeps its weekday
YEAR_WEEKS = YEAR_DAYS // 7

LINES = """
    select {prefix} || household_id as household_id, {prefix} || store_id as store_id,
    {prefix} || basket_id as basket_id, product_id, quantity,
    {cents}, week + {weeks} as week,
    strftime(transaction_timestamp + interval ({days}) day, '%Y-%m-%d %H:%M:%S')
    as transaction_timestamp
    from lines, range({copies}) c(copy) where day = ? order by transaction_timestamp, basket_id
"""
TO_SHOP = """
    create temp table lines as select *,
    cast((transaction_timestamp at time zone 'UTC') at time zone '{zone}' as date) as day
    from '{file}'
"""
CENTS = ", ".join(
    f"cast(round({name}, 2) as decimal(12,2)) as {name}"
    for name in ("sales_value", "retail_disc", "coupon_disc", "coupon_match_disc")
)
REDEMPTIONS = """
    select {prefix} || household_id as household_id, coupon_upc, campaign_id,
    cast(redemption_date + interval ({days}) day as date) as redemption_date
    from '{file}', range({copies}) c(copy) where cast(redemption_date as date) = ?
"""
PROMOTIONS = """
    select product_id, {prefix} || store_id as store_id, week + {weeks} as week,
    display_location, mailer_location
    from '{file}', range({copies}) c(copy) where week = ?
    and hash(product_id) % 100 < {percent}
"""


@dataclass(frozen=True)
class Company:
    """What is dropped: how many copies of the customers, and which share of the promotions."""

    copies: int = 1
    promotions_percent: int = 100

    def land(self, first: dt.date, last: dt.date) -> None:
        """Drop and land the business days `first` to `last`; master data with the first of all.

        Days may lie years after the package's: see the module.
        """
        with duckdb.connect() as found:
            found.execute(f"set threads = {settings().spark_cores}")
            _read_lines(found)
            days = [first + dt.timedelta(n) for n in range((last - first).days + 1)]
            for day in track(days, "dropping days", transient=True):
                self._drop_day(found, day)
                self._drop_promotions(found, day)
        self._drop_master_data(first)
        till.land(first, last)
        erp.land(first, last)

    def _drop_day(self, found: duckdb.DuckDBPyConnection, day: dt.date) -> None:
        year, told = self._told(day)
        rows = found.execute(
            LINES.format(cents=CENTS, **told), [_of_package(day)]
        ).fetch_arrow_table()
        write(rows, drops.drop("till", "order_lines", day, "order_lines.csv.gz"))
        asked = REDEMPTIONS.format(file=package_file("coupon_redemptions"), **told)
        rows = found.execute(asked, [day - dt.timedelta(YEAR_DAYS * year)]).fetch_arrow_table()
        write(rows, drops.drop("till", "redemptions", day, "redemptions.csv"))

    def _drop_promotions(self, found: duckdb.DuckDBPyConnection, day: dt.date) -> None:
        """The plan of the week that begins three days later; a company's first week has none."""
        monday = day + dt.timedelta(PLAN_LEAD_DAYS)
        if monday.weekday():
            return
        _, told = self._told(monday)
        week = (_of_package(monday) - FIRST_MONDAY).days // 7 + 1
        asked = PROMOTIONS.format(
            file=package_file("promotions"), percent=self.promotions_percent, **told
        )
        path = drops.drop("erp", "promotions", day, f"promotions-{monday}.parquet")
        write(found.execute(asked, [week]).fetch_arrow_table(), path)

    def _told(self, day: dt.date) -> tuple[int, dict[str, object]]:
        """Which year of the company a day lies in, and what the queries need to know of it."""
        year = (day - FIRST_DAY).days // YEAR_DAYS
        of_year = f"'{year}y' || " if year else ""
        prefix = f"{of_year}case when copy > 0 then copy || '-' else '' end"
        return year, {
            "prefix": f"({prefix})",
            "days": YEAR_DAYS * year,
            "weeks": YEAR_WEEKS * year,
            "copies": self.copies,
        }

    def _drop_master_data(self, first: dt.date) -> None:
        path = drops.drop("erp", "products", first, "products.csv")
        if not any(path.parents[1].glob("*/products.csv")):
            write(drops.read("products"), path)
            _land_customers(self.copies, first)


def _read_lines(found: duckdb.DuckDBPyConnection) -> None:
    """The package's lines, each with its day at the shop."""
    found.execute(TO_SHOP.format(zone=settings().timezone, file=package_file("transactions")))


def _of_package(day: dt.date) -> dt.date:
    """The day of the package's year that a day repeats."""
    return FIRST_DAY + dt.timedelta((day - FIRST_DAY).days % YEAR_DAYS)


def _land_customers(copies: int, day: dt.date) -> None:
    """The customers as a CRM would hand them over, in our words; no CRM is asked."""
    accounts = table("bronze.accounts")
    assert isinstance(accounts, Landed)
    households = drops.read("transactions")["household_id"].unique().to_pylist()
    codes = [f"{c}-{h}" if c else str(h) for c in range(copies) for h in sorted(households)]
    said = {
        "is_active": "true",
        "changed_at": f"{day} 11:00:00",
        "as_of_date": day.isoformat(),
    }
    told = {
        c.name: pa.array(codes if c.name in IDS else [said.get(c.name)] * len(codes), pa.string())
        for c in columns(accounts.schema)
    }
    path = Path(settings().drops, "crm", "customers.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(told), path)
    landing.land(
        "accounts",
        "crm",
        day.isoformat(),
        [path],
        mode="snapshot",
        known_at=till.known_at(day),
        watermark=day.isoformat(),
        columns={},
        format="parquet",
    )
