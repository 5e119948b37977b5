"""silver.order_lines: one row per order and product, newest version wins, on the shop's day.

What was decided:
- The business day is the day at the shop. The till's UTC date is another one for 17% of the lines.
- A product that the ERP does not know stays, flagged, without department: its sales are real.
- A product's department and type are those of the ERP's newest list, for all its lines: a line is
  known as it stands here from its own drop, or from the list that changed its product. What was
  believed before is in silver.order_lines_superseded.
- Zero lines (`line_kind` zero, sales of 0 USD: free goods, coupons) stay; orders need them.
- Returns do not come as lines: the till nets them, and bronze refuses a negative line.
- Petrol is sold in thousandths of a gallon; a quantity of 1 is a prepaid amount (median 15 USD)
  of unknown volume. So `units` counts pieces only; never sum `quantity` over departments.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.columns import at_shop, closing_date, newest, newest_first
from jobs.spark.customers import CUSTOMER, of_customer
from jobs.table import FOREVER, Events, Input, by_key, window

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
KEY = ("order_id", "product_id")

SCHEMA = """
    order_id string not null comment 'basket at the till',
    product_id string not null comment 'article',
    account_id string not null comment 'customer; of several accounts of a person the survivor',
    source_account_id string not null comment 'account as the till sent it',
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
    known_date date not null comment 'business day by whose closing the row was known as it is'
"""


def latest_version(lines: DataFrame) -> DataFrame:
    """A till may send a line again: the newest drop counts, and a copy says nothing new.

    So a line sent again word by word stays known as long as it was; a corrected one is known from
    its correction on.
    """
    return newest(lines, KEY, newest_first(), first="_known_at")


def on_business_day(lines: DataFrame) -> DataFrame:
    return lines.withColumn("business_date", F.to_date(at_shop("sold_at"))).withColumns(
        {
            # a till may deliver during the day: known when it was sold, at the earliest
            "known_date": F.greatest("business_date", closing_date("_known_at")),
        }
    )


def classes(product_classes: DataFrame) -> DataFrame:
    """A product's classes, with periods of belief named so that they stand beside a line's."""
    return product_classes.withColumnsRenamed(
        {"known_date": "class_date", "superseded_date": "class_end_date"}
    )


def with_newest_class(lines: DataFrame, product_classes: DataFrame) -> DataFrame:
    """The line is known as it is once its product's class is."""
    newest_class = classes(product_classes).where(F.col("class_end_date") == F.lit(FOREVER))
    return lines.join(newest_class, on="product_id", how="left").withColumn(
        "known_date", F.greatest("known_date", "class_date")
    )


def described(lines: DataFrame) -> DataFrame:
    """The columns of SCHEMA, from lines with their business day and their product's class."""
    known = F.coalesce("is_listed", F.lit(False))
    fuel = F.coalesce(F.col("product_type").isin(*FUEL_TYPES), F.lit(False))
    measured = fuel & (F.col("quantity") > PREPAID_QUANTITY)
    goods = known & ~F.col("department").isin(*NOT_MERCHANDISE)
    return lines.select(
        "order_id",
        "product_id",
        "account_id",
        "source_account_id",
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
        known.alias("is_product_known"),
        F.coalesce(goods, F.lit(False)).alias("is_merchandise"),
        F.when(F.col("sales_usd") == 0, "zero").otherwise("sale").alias("line_kind"),
        F.col("_known_at").alias("known_at"),
        "known_date",
        *[c for c in ("superseded_date", "_duplicates", "_superseded") if c in lines.columns],
    )


def make(lines: DataFrame, product_classes: DataFrame, identities: DataFrame) -> DataFrame:
    return (
        lines.transform(latest_version)
        .transform(of_customer, identities)
        .transform(on_business_day)
        .transform(with_newest_class, product_classes)
        .transform(described)
    )


# a UTC day holds parts of the shop's day and of a neighbour: which one, the zone decides
# and a line that is sent again may carry another time
INPUTS = (
    Input(
        "bronze.order_lines",
        touches=window(before=1, after=1, on="sold_at", versions_of=KEY),
    ),
    Input("silver.product_classes", touches=by_key("product_id", through="bronze.order_lines")),
    Input(
        "silver.account_identities",
        touches=by_key("account_id", through="bronze.order_lines", reads=CUSTOMER),
    ),
)

TABLE = Events(
    "silver.order_lines", SCHEMA, key=KEY, slice="business_date", inputs=INPUTS, make=make
)
