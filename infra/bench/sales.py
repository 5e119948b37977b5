"""The Complete Journey as the files that the benches of customers read.

python -m infra.bench.sales FOLDER   writes each as FOLDER/NAME.parquet:

transactions   a row per line of all departments, fuel too: account_id, order_id, product_id,
               department, bought_at (New York), amount_usd, discount_usd, coupon_usd
campaigns, recipients, coupons, redemptions   as jobs/training/propensity/campaigns.py has them
"""

from pathlib import Path
from typing import Annotated

import duckdb
import typer

from infra.bench.panel import PACKAGE
from jobs import command

# the package's times are UTC, which it does not say: in local time its weeks begin on Mondays
FILES = {
    "transactions": f"""
    select cast(household_id as varchar) as account_id, cast(basket_id as varchar) as order_id,
           cast(product_id as varchar) as product_id, department,
           timezone('America/New_York', timezone('UTC', transaction_timestamp)) as bought_at,
           sales_value as amount_usd, retail_disc as discount_usd, coupon_disc as coupon_usd
    from '{PACKAGE}/transactions.parquet'
    left join '{PACKAGE}/products.parquet' using (product_id) order by all
""",  # noqa: S608
    "campaigns": f"""
    select cast(campaign_id as varchar) as campaign_id, campaign_type,
           cast(start_date as date) as starts_on, cast(end_date as date) as ends_on
    from '{PACKAGE}/campaign_descriptions.parquet' order by all
""",  # noqa: S608
    "recipients": f"""
    select cast(household_id as varchar) as account_id, cast(campaign_id as varchar) as campaign_id
    from '{PACKAGE}/campaigns.parquet' order by all
""",  # noqa: S608
    "coupons": f"""
    select cast(coupon_upc as varchar) as coupon_id, cast(campaign_id as varchar) as campaign_id,
           cast(product_id as varchar) as product_id
    from '{PACKAGE}/coupons.parquet' order by all
""",  # noqa: S608
    "redemptions": f"""
    select cast(household_id as varchar) as account_id, cast(campaign_id as varchar) as campaign_id,
           cast(redemption_date as date) as redeemed_on
    from '{PACKAGE}/coupon_redemptions.parquet' order by all
""",  # noqa: S608
}


def write(folder: Path) -> dict[str, Path]:
    """All files, each by its name."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {name: folder / f"{name}.parquet" for name in FILES}
    with duckdb.connect() as database:
        database.execute("set enable_progress_bar = false")
        for name, path in found.items():
            database.sql(FILES[name]).write_parquet(str(path))
    return found


def main(folder: Annotated[Path, typer.Argument(file_okay=False, help="where they go")]) -> None:
    command.tell_facts()
    for name, path in write(folder).items():
        typer.echo(f"{name}: {path}")


if __name__ == "__main__":
    command.run(main)
