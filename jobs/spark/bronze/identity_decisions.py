"""bronze.identity_decisions: one row per decision of a person about two accounts."""

from jobs.table import Landed

SCHEMA = """
    account_id_a string not null comment 'customer, party.code in the CRM',
    account_id_b string not null comment 'customer, another one',
    decision string not null comment 'same or different',
    decided_by string not null comment 'role or pseudonym of the person',
    decided_at timestamp not null comment 'UTC; of two words on a pair the later one holds'
"""

TABLE = Landed(
    "bronze.identity_decisions",
    SCHEMA,
    entity="identity_decisions",
    # a person's word is not lost for another's slip, nor taken in part
    max_refused_share=0.0,
    max_refused_rows=0,
)
