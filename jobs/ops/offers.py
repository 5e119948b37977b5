"""ops.offers: one row per batch of recommendations and rung that served, or rule that took away.

A rung of the ladder, a rule of offers.yaml: jobs/training/recommenders/.
"""

from jobs.table import Log

SCHEMA = """
    batch_id      string    not null comment 'as landed, such as models/recommenders-2017-11-26',
    made_at       timestamp not null comment 'UTC',
    family        string    not null comment 'whose champion was asked',
    model_name    string    not null comment 'the champion',
    model_version string    not null comment 'its version in the registry',
    as_of_date    date      not null comment 'last business day that the answers may know',
    kind          string    not null comment 'rung: of the ladder that answered; rule: of offers',
    code          string    not null comment 'such as champion, segment or replenishment',
    accounts      bigint    not null comment 'customers that it served, or took something from',
    share         double    not null comment 'accounts / customers asked for, 0 to 1',
    offers        bigint    not null comment 'rows of lists that it filled, or took',
    reason        string    not null comment 'of a rule, in the words of its owner; rung: empty'
"""

TABLE = Log("ops.offers", SCHEMA)
