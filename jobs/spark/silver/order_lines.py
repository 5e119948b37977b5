"""silver.order_lines: one row per order and product, newest version wins, on the shop's day.

What was decided:
- The business day is the day at the shop. The till's UTC date is another one for 17% of the lines.
- A product that the ERP does not know stays, flagged, without department: its sales are real.
- Zero lines (`line_kind` zero, sales of 0 USD: free goods, coupons) stay; orders need them.
- Returns do not come as lines: the till nets them, and bronze refuses a negative line.
- Petrol is sold in thousandths of a gallon; a quantity of 1 is a prepaid amount (median 15 USD)
  of unknown volume. So `units` counts pieces only; never sum `quantity` over departments.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.settings import settings
from jobs.spark.columns import newest, newest_first
from jobs.table import Events, Input, by_key, window

FUEL_TYPES = ("GASOLINE-REG UNLEADED",)  # product types, whatever the department
PREPAID_QUANTITY = 1  # of a fuel line: paid by amount
NOT_MERCHANDISE = (  # departments that sell no goods of the range, or too few to recommend
    "AUTOMOTIVE",
    "CNTRL/STORE SUP",
    "COUPON",
    "ELECT &PLUMBING",
    "FUEL",
    "GM MERCH EXP",
    "MISCELLANEOUS",
    "PHOTO & VIDEO",
    "POSTAL CENTER",
    "PROD-WHS SALES",
    "RESTAURANT",
    "TOYS",
    "TRAVEL & LEISURE",
)
# a day's drop is complete in the next morning: until noon it still belongs to the day that closed
CLOSING_HOURS = 12

KEY = ("order_id", "product_id")

SCHEMA = """
    order_id string not null comment 'basket at the till',
    product_id string not null comment 'article',
    account_id string not null comment 'customer',
    store_id string not null comment 'shop',
    sold_at timestamp not null comment 'UTC',
    business_date date not null comment 'day at the shop',
    week_start_date date not null comment 'Monday of the business week',
    business_week int comment 'week as the source counts, Monday to Sunday; null: it does not',
    quantity bigint not null comment 'as received; thousandths of a gallon or 1 (prepaid) for fuel',
    units bigint comment 'pieces; null for fuel and for unknown products',
    fuel_gallons double comment 'US gallons; null if not fuel, or prepaid',
    sales_usd decimal(12,2) not null comment 'USD that the shop receives for the line',
    loyalty_discount_usd decimal(12,2) not null comment 'USD off by the loyalty card, positive',
    coupon_discount_usd decimal(12,2) not null comment 'USD off by a maker coupon, positive',
    coupon_match_discount_usd decimal(12,2) not null comment 'USD that the shop adds, positive',
    department string comment 'null: the ERP does not know the product',
    product_type string comment 'lowest level of the range; null: unknown',
    is_product_known boolean not null comment 'the ERP lists the product',
    is_merchandise boolean not null comment 'known, and of a department that sells goods',
    line_kind string not null comment 'sale, or zero where sales_usd is 0',
    known_at timestamp not null comment 'UTC; when the drop with the line was complete',
    known_date date not null comment 'business day by whose closing the line was known'
"""


def at_shop(instant: Column | str) -> Column:
    """Clock time at the shop of a UTC instant."""
    return F.from_utc_timestamp(instant, settings().timezone)


def latest_version(lines: DataFrame) -> DataFrame:
    """A till may send a line again: the newest drop counts, and a copy says nothing new.

    So a line sent again word by word stays known as long as it was; a corrected one is known from
    its correction on.
    """
    return newest(lines, KEY, newest_first(), first="_known_at")


def on_business_day(lines: DataFrame) -> DataFrame:
    closing = F.expr(f"interval {CLOSING_HOURS} hours")
    return lines.withColumn("business_date", F.to_date(at_shop("sold_at"))).withColumns(
        {
            # a till may deliver during the day: known when it was sold, at the earliest
            "known_date": F.greatest("business_date", F.to_date(at_shop("_known_at") - closing)),
        }
    )


def with_product(lines: DataFrame, products: DataFrame) -> DataFrame:
    known = products.select("product_id", "department", "product_type", F.lit(True).alias("known"))
    return lines.join(known, on="product_id", how="left").withColumns(
        {
            "is_product_known": F.coalesce("known", F.lit(False)),
            "is_fuel": F.coalesce(F.col("product_type").isin(*FUEL_TYPES), F.lit(False)),
        }
    )


def make(lines: DataFrame, products: DataFrame) -> DataFrame:
    known, fuel = F.col("is_product_known"), F.col("is_fuel")
    measured = fuel & (F.col("quantity") > PREPAID_QUANTITY)
    goods = known & ~F.col("department").isin(*NOT_MERCHANDISE)
    return (
        lines.transform(latest_version)
        .transform(on_business_day)
        .transform(with_product, products)
        .select(
            "order_id",
            "product_id",
            "account_id",
            "store_id",
            "sold_at",
            "business_date",
            F.to_date(F.date_trunc("week", "business_date")).alias("week_start_date"),
            F.col("source_week").alias("business_week"),
            "quantity",
            F.when(known & ~fuel, F.col("quantity")).alias("units"),
            F.when(measured, F.col("quantity") / 1000).alias("fuel_gallons"),
            "sales_usd",
            "loyalty_discount_usd",
            "coupon_discount_usd",
            "coupon_match_discount_usd",
            "department",
            "product_type",
            "is_product_known",
            F.coalesce(goods, F.lit(False)).alias("is_merchandise"),
            F.when(F.col("sales_usd") == 0, "zero").otherwise("sale").alias("line_kind"),
            F.col("_known_at").alias("known_at"),
            "known_date",
            "_duplicates",
            "_superseded",
        )
    )


TABLE = Events(
    "silver.order_lines",
    SCHEMA,
    key=KEY,
    slice="business_date",
    inputs=(
        # a UTC day holds parts of the shop's day and of a neighbour: which one, the zone decides
        # and a line that is sent again may carry another time
        Input(
            "bronze.order_lines",
            touches=window(before=1, after=1, on="sold_at", versions_of=KEY),
        ),
        Input("silver.products", touches=by_key("product_id", through="bronze.order_lines")),
    ),
    make=make,
)
