"""gold.account_habits: one row per customer who bought: what, where and when they buy most.

The part of the profile that is made from lines. It is a table of its own so that only the lines of
those who bought are read anew: a week that closes makes every profile anew, and reads none.

Of equal names the one with more spend comes first, then by name. Brands, makers and products are
those of departments that sell goods; lines without a price (free goods) count for none.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.spark.product_names import readable
from jobs.table import Entities, Input, everything

OWN_LABEL = "Private"  # brand of silver.products
FAVOURITES = (  # column, what it names, the largest of what first, how many at most
    ("favourite_departments", "department", "spend", 3),
    ("favourite_brands", "brand", "spend", 3),
    ("favourite_manufacturer_ids", "manufacturer_id", "spend", 3),
    ("favourite_store_ids", "store_id", "orders", 3),
    ("favourite_weekdays", "weekday", "orders", 3),
    ("preferred_product_ids", "product_id", "orders", 5),
)

SCHEMA = """
    account_id string not null comment 'customer, as the CRM calls it',
    discounted_line_share double comment 'lines with a discount / lines sold, 0 to 1; null: none',
    private_label_share double comment 'own label / spend on listed goods, 0 to 1; null: none',
    favourite_departments array<string> not null comment 'up to 3, most spend first',
    favourite_brands array<string> not null comment 'up to 3, as the ERP has them, by spend',
    favourite_manufacturer_ids array<string> not null comment 'up to 3 makers, most spend first',
    favourite_store_ids array<string> not null comment 'up to 3 shops, most orders first',
    favourite_weekdays array<string> not null comment 'up to 3, such as Sunday, most orders first',
    preferred_products array<string> not null
        comment 'up to 5, in most orders first, as a person says them',
    preferred_product_ids array<string> not null comment 'the same articles'
"""


def articles(lines: DataFrame, products: DataFrame) -> DataFrame:
    """What each customer bought of each article, and what the ERP says of those that are goods."""
    listed = products.select("product_id", "brand", "manufacturer_id", readable().alias("product"))
    # (order, product) is the lines' key: a line of a product is an order of it
    bought = lines.groupBy("account_id", "product_id", "department", "is_merchandise").agg(
        F.count("*").alias("orders"), F.sum("sales_usd").alias("spend")
    )
    goods = {
        name: F.when(F.col("is_merchandise"), F.col(name))
        for name in ("brand", "manufacturer_id", "product_id")
    }
    return (
        bought.join(F.broadcast(listed), on="product_id", how="left")
        .withColumn("product", F.coalesce("product", "product_id"))
        .withColumns(goods)
    )


def visits(lines: DataFrame) -> DataFrame:
    """Orders, lines and spend of each customer by shop and day of the week."""
    off = "loyalty_discount_usd + coupon_discount_usd + coupon_match_discount_usd"
    weekday = F.date_format("business_date", "EEEE").alias("weekday")
    return lines.groupBy("account_id", "store_id", weekday).agg(
        F.countDistinct("order_id").alias("orders"),
        F.sum("sales_usd").alias("spend"),
        F.count("*").alias("lines"),
        F.count_if(F.expr(off) > 0).alias("discounted"),
    )


def summed(articles: DataFrame, visits: DataFrame) -> DataFrame:
    """A row per customer and name of each kind; all kinds at once, so that lines are read twice."""
    kinds = [kind for _, kind, _, _ in FAVOURITES]
    sums = [F.sum(name).alias(name) for name in ("orders", "spend", "lines", "discounted")]
    return (
        articles.unionByName(visits, allowMissingColumns=True)
        .groupingSets([["account_id", kind] for kind in kinds], "account_id", *kinds)
        .agg(*sums, F.max("product").alias("product"))
    )


def first(kind: str, by: str, upto: int) -> Column:
    """The first names of a kind; sums of other kinds have no name of it."""
    name = F.struct((-F.col(by)).alias("less"), (-F.col("spend")).alias("cheaper"), kind, "product")
    of_kind = F.collect_list(F.when(F.col(kind).isNotNull(), name))
    return F.slice(F.array_sort(of_kind), 1, upto)


def shares() -> list[Column]:
    """Of the sums by brand the own label's, and of all lines, once per kind, the discounted."""
    of_brands = F.sum(F.when(F.col("brand").isNotNull(), F.col("spend")))
    own_label = F.sum(F.when(F.col("brand") == OWN_LABEL, F.col("spend")).otherwise(0))
    return [
        F.round(F.sum("discounted") / F.sum("lines"), 4).alias("discounted_line_share"),
        F.round((own_label / of_brands).cast("double"), 4).alias("private_label_share"),
    ]


def make(order_lines: DataFrame, products: DataFrame) -> DataFrame:
    sold = order_lines.where("line_kind = 'sale'")
    told = [first(kind, by, upto).alias(column) for column, kind, by, upto in FAVOURITES]
    *names, ids = [F.col(column).getField(kind).alias(column) for column, kind, _, _ in FAVOURITES]
    return (
        summed(articles(sold, products), visits(sold))
        .groupBy("account_id")
        .agg(*shares(), *told)
        .select(
            "account_id",
            "discounted_line_share",
            "private_label_share",
            *names,
            F.col("preferred_product_ids.product").alias("preferred_products"),
            ids,
        )
    )


TABLE = Entities(
    "gold.account_habits",
    SCHEMA,
    key=("account_id",),
    inputs=(Input("silver.order_lines"), Input("silver.products", touches=everything)),
    make=make,
)
