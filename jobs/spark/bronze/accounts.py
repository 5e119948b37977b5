"""bronze.accounts: one row per customer and snapshot of the CRM."""

from jobs.table import Landed

SCHEMA = """
    account_id string not null comment 'customer, party.code in the CRM',
    display_name string comment 'personal data; the demo makes it up',
    email string comment 'personal data; the demo makes it up',
    phone string comment 'personal data; as written in the CRM',
    street string comment 'personal data; street and number of the first address',
    postal_code string comment 'personal data; of the first address',
    age_band string comment 'years, such as 45-54',
    income_band string comment 'thousand USD a year, such as 50-74K',
    home_ownership string comment 'Homeowner, Renter and their Probable kinds',
    marital_status string comment 'Married or Unmarried',
    household_size string comment 'persons, 5+ is the last band',
    household_composition string comment 'such as 2 Adults No Kids',
    kids_count string comment 'children, 3+ is the last band'
"""

TABLE = Landed(
    "bronze.accounts",
    SCHEMA,
    entity="accounts",
    # what a snapshot lacks is deleted: one with a hole is held back, the one before stays
    max_refused_share=0.0,
    max_refused_rows=0,
)
