"""bronze.products: one row per product and snapshot of the ERP's product list."""

from jobs.table import Landed

SCHEMA = """
    product_id string not null comment 'article',
    manufacturer_id string not null comment 'maker, a number without a name',
    department string not null comment 'highest level of the range, such as GROCERY',
    brand string not null comment 'National, or Private for the own label',
    product_category string comment 'level below the department',
    product_type string comment 'level below the category',
    package_size string comment 'free text, such as 22 LB'
"""

TABLE = Landed(
    "bronze.products",
    SCHEMA,
    entity="products",
    # what a snapshot lacks is deleted: one with a hole is held back, the one before stays
    max_refused_share=0.0,
    max_refused_rows=0,
)
