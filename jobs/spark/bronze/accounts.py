"""bronze.accounts: one row per customer and pull of the CRM that read it."""

from jobs.table import Landed

SCHEMA = """
    account_id string not null comment 'customer, party.code in the CRM',
    record_id string not null comment 'number that the CRM itself gives a customer',
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
    kids_count string comment 'children, 3+ is the last band',
    rep_id string comment 'salesperson, a number in the CRM and no name; null: nobody, or not told',
    is_active boolean not null comment 'false: put aside in the CRM, as those merged are',
    merged_into string comment 'account_id of the customer that replaced it; null: not merged',
    has_objected boolean comment 'to marketing; null: nothing was ever said',
    objected_date date comment 'day at the CRM on which that was said; null: not told',
    changed_at timestamp not null comment 'UTC by the clock of the CRM; last write, by whomever',
    as_of_date date not null comment 'business day by whose closing the CRM said this'
"""

TABLE = Landed(
    "bronze.accounts",
    SCHEMA,
    entity="accounts",
    # what a snapshot lacks is deleted: one with a hole is held back, the one before stays
    is_snapshot_whole=True,
    since={"rep_id": "2026-11-29"},
)
