"""bronze.activities: one row per activity (a call, a to-do, …) and pull of the CRM that read it.

Neither its words nor who does it: they are personal data, and nothing here needs them.
"""

from jobs.table import Landed

SCHEMA = """
    source_object string not null comment 'kind of record in the CRM, such as mail.activity',
    activity_id string not null comment 'number that the CRM gives it among those of its kind',
    activity_type string comment 'such as Call or To-Do, in the words of the CRM',
    account_id string comment 'customer, its code in the CRM; null: nobody, or no customer yet',
    opportunity_id string comment 'opportunity that it is about; null: about none',
    due_date date comment 'day by which it is to be done',
    done_date date comment 'day on which it was; null: not done',
    opened_at timestamp comment 'UTC by the clock of the CRM; when it was written down',
    is_active boolean not null comment 'false: done or put aside',
    changed_at timestamp not null comment 'UTC by the clock of the CRM; last write, by whomever',
    as_of_date date not null comment 'business day by whose closing the CRM said this'
"""

TABLE = Landed(
    "bronze.activities",
    SCHEMA,
    entity="activities",
    # what a snapshot lacks is deleted: one with a hole is held back, the one before stays
    is_snapshot_whole=True,
)
