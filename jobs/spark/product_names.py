"""What a person calls an article: the source has kinds, no product names."""

from pyspark.sql import Column
from pyspark.sql import functions as F


def readable() -> Column:
    """A name that a salesperson can say, of a row of silver.products."""
    # the source cuts long kinds off, sometimes after an opening bracket
    kind = F.regexp_replace(F.initcap(F.lower("product_type")), r"[^A-Za-z0-9)%]+$", "")
    words = F.concat_ws(", ", kind, "brand", "package_size")
    return F.concat(words, F.lit(" ("), "product_id", F.lit(")"))
