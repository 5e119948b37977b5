"""ops.leaderboard: one row per bench run, split, task, configuration and metric."""

from jobs.table import Log

SCHEMA = """
    bench_run_id    string    not null comment 'MLflow run of the bench',
    judged_at       timestamp not null comment 'UTC; when the bench ended',
    family          string    not null comment 'recommenders or forecasts',
    split           string    not null comment 'valid: what the choice rests on; test: judged once',
    task            string    not null comment 'what was asked of the model, such as any or new',
    cut_date        date      not null comment 'last day of training of the test split',
    model           string    not null comment 'file name of the model',
    configuration   string    not null comment 'model and a hash of its settings',
    params          string    not null comment 'settings as JSON',
    metric          string    not null comment 'such as ndcg_at_10 or mase',
    value           double    not null comment 'mean over the subjects',
    value_low       double    not null comment 'lower end of its 95% interval (bootstrap)',
    value_high      double    not null comment 'upper end of its 95% interval (bootstrap)',
    subjects        bigint    not null comment 'accounts or series judged',
    baseline        string    not null comment 'the naive configuration',
    difference      double    not null comment 'value - value of the baseline, paired by subject',
    difference_low  double    not null comment 'lower end of its 95% interval',
    difference_high double    not null comment 'upper end of its 95% interval',
    champion        string             comment 'configuration of the champion at that time',
    champion_difference      double    comment 'value - value of the champion, paired by subject',
    champion_difference_low  double    comment 'lower end of its 95% interval',
    champion_difference_high double    comment 'upper end of its 95% interval',
    is_chosen       boolean   not null comment 'best on the valid split by the deciding metric',
    datasets        string    not null comment 'tables and Delta versions as JSON',
    seconds         double    not null comment 'fitting and judging this split',
    device          string    not null comment 'cpu or cuda',
    code_version    string    not null comment 'git commit, if any, and hash of the code'
"""

TABLE = Log("ops.leaderboard", SCHEMA)
