"""Files of landed batches, as they are listed for Spark."""

import dataclasses

import pytest

from jobs.dialect import PLAIN
from jobs.landing import File, Manifest
from jobs.spark import landed
from jobs.table import Landed, table


def test_a_name_that_is_not_utf_8_is_told_with_its_batch() -> None:
    products = table("bronze.products")
    assert isinstance(products, Landed)
    batch = Manifest(
        entity="products",
        system="erp",
        batch="2017-03-06",
        mode="snapshot",
        known_at="2017-03-06T22:00:00+00:00",
        watermark="1",
        format="csv",
        dialect=PLAIN,
        columns={},
        constants={},
        files=(File("Käse.csv", 1, 9, "0"),),
        sha256="0",
    )
    assert len(landed._files(products, [batch])) == 1
    # as Python reads a name of a folder in Latin-1
    latin = dataclasses.replace(batch, files=(File("K\udce4se.csv", 1, 9, "0"),))
    with pytest.raises(ValueError, match=r"products erp/2017-03-06: the name 'K\\udce4se.csv'"):
        landed._files(products, [latin])
