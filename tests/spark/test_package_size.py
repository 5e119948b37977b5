from jobs.spark import package_size

READ = {
    "22 LB": (352.0, "oz"),
    "3.5OZ": (3.5, "oz"),
    "  .5  oz ": (0.5, "oz"),
    "16 FL OZ": (16.0, "oz"),
    "1/2 GAL": (64.0, "oz"),
    "1 1/2 LB": (24.0, "oz"),
    "GAL": (128.0, "oz"),
    "2 QT": (64.0, "oz"),
    "6 PK/12 OZ": (72.0, "oz"),
    "12 CT/1.5 OZ": (18.0, "oz"),
    "10 LB BAG": (160.0, "oz"),
    "750 ML": (750.0, "ml"),
    "2 L": (2000.0, "ml"),
    "500 GM": (500.0, "g"),
    "12 CT": (12.0, "pieces"),
    "2 DZ": (24.0, "pieces"),
}
NOT_READ = (
    None,
    "",
    "LARGE",
    "L",  # eggs, and no litre
    "9 X10 IN",  # an area
    "4-5 LB",  # somewhere between
    "970665  PK",  # an article number
    "6/12 OZ",  # half an ounce, or six cans
    "24 12 OZ",
    "12 OZ PLUS 3",
)


def test_a_size_is_read_as_it_is_meant_or_not_at_all(spark):
    sizes = [*READ, *NOT_READ]
    told = spark.createDataFrame([(size,) for size in sizes], "size string").select(
        "size", package_size.amount("size"), package_size.unit("size")
    )
    found = {size: (amount, unit) for size, amount, unit in told.collect()}
    assert found == {size: READ.get(size, (None, None)) for size in sizes}
