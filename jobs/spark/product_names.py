"""What a person calls an article: the source has kinds, no product names."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def readable(products: DataFrame) -> DataFrame:
    """Each `product_id` of silver.products with `product`, a name that a salesperson can say."""
    # the source cuts long kinds off, sometimes after an opening bracket
    kind = F.regexp_replace(F.initcap(F.lower("product_type")), r"[^A-Za-z0-9)%]+$", "")
    words = F.concat_ws(", ", kind, "brand", "package_size")
    return products.select(
        "product_id", F.concat(words, F.lit(" ("), "product_id", F.lit(")")).alias("product")
    )
