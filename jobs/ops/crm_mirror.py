"""ops.crm_mirror: one row per record of a connection's CRM, as it was read last.

A plan compares with it and brings it up to date first: what was written since, and from time to
time everything, for what left no trace. It can be deleted: the next plan reads everything.
"""

from jobs.table import Log

SCHEMA = """
    connection   string    not null comment 'jobs/delivery/connections/<connection>.yaml',
    crm_instance string    not null comment 'token of the CRM; one set up anew has another',
    record_id    string    not null comment 'of the CRM',
    is_active    boolean   not null comment 'false: put aside there, or merged into another',
    merged_into  string             comment 'record that it was merged into',
    changed_at   timestamp not null comment 'UTC; last write to it, by the clock of the CRM',
    fields       map<string,string> comment 'personal data; canonical texts by name',
    read_all_at  timestamp not null comment 'UTC; when everything was read last'
"""

TABLE = Log("ops.crm_mirror", SCHEMA, partition_by=("connection",))
