"""The day: what the shops sold yesterday becomes tables, answers and scores.

**land** takes over the files that the till and the ERP dropped for the business dates of the run,
asks the CRM what changed since it was asked last (and once a week for all it has, to see who is
gone), the ERP's database and the web shop where they are connected, and our own ledger what became
of the deliveries; without params the dates are the day before the run in the company's time zone.
Everything after it builds *what changed*, whatever the dates: a late order from three weeks ago
repairs its own day. So a first load is one run with `start` and `end` far apart, and a rerun writes
nothing anew.

**bronze** types the rows and puts aside those that break a rule (`ops.quarantine`); **silver**
cleans; **gold** is what people ask for; **features** is what a model may see; **predict** asks the
champions; **scores** grades their answers, fills the CRM's outbox, says what is to be done next and
puts all that is known of a customer into one row; **tell** looks whether the champions still hold
(`ops.model_health`), writes the salespeople's reports of the week that closed last, and the pages
about all tables, and how fresh each is; **ask** starts `training_weekly` where scores or features
have moved.
A table that a gate refuses stops what is made from it, and readers keep the version before.

**Impact:** everything that people read waits for this run. Failed? Read the red task's last line;
clear the task once its cause is gone. A run for dates given by hand does not reach the CRM by
itself unless `deliver` is true.
"""

from airflow.sdk import DAG, Param

from dags.tasks import DEFAULTS, arrows, boxes, business_date

with DAG(
    "sales_daily",
    doc_md=__doc__,
    # the demo's year is 2017: its days are triggered with params
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["daily", "tables"],
    params={
        "start": business_date("first business date to land; null: the day before the run"),
        "end": business_date("last business date to land; null: the day before the run"),
        "deliver": Param(
            None,
            type=["null", "boolean"],
            description="send to the CRM what changed; null: only if no dates were given",
        ),
    },
):
    day = boxes(
        land=(
            *("land.till", "land.erp", "land.crm", "land.erp_db", "land.webshop"),
            # what became of our own deliveries comes back like any other source's drop
            "land.deliveries",
        ),
        bronze=(
            "bronze.order_lines",
            "bronze.redemptions",
            "bronze.products",
            "bronze.promotions",
            "bronze.campaigns",
            "bronze.campaign_accounts",
            "bronze.coupons",
            "bronze.accounts",
            "bronze.opportunities",
            "bronze.activities",
            "bronze.stock_levels",
            "bronze.deliveries",
            # what people decided: landed by `python -m jobs.identity decide`, not by a source
            "bronze.identity_decisions",
        ),
        silver=(
            "silver.order_lines",
            "silver.order_lines_superseded",
            "silver.line_norms",
            "silver.unusual_lines",
            "silver.products",
            "silver.product_history",
            "silver.product_classes",
            "silver.stores",
            "silver.calendar",
            "silver.accounts",
            "silver.account_history",
            "silver.account_blocks",
            "silver.account_matches",
            "silver.account_identities",
            "silver.former_accounts",
            "silver.opportunities",
            "silver.activities",
            "silver.promotions",
            "silver.promotions_superseded",
            "silver.campaigns",
            "silver.campaign_accounts",
            "silver.coupons",
            "silver.redemptions",
            "silver.stock_levels",
        ),
        gold=(
            "gold.account_days",
            "gold.daily_sales",
            "gold.departments",
            "gold.product_weeks",
            "gold.closed_weeks",
            "gold.account_habits",
            "gold.account_profile",
            "gold.renewals",
        ),
        features=(
            "features.interactions",
            "features.account_days",
            "features.department_days",
            "features.departments",
            "features.promotion_weeks",
            "features.sales_weekly",
            "features.sales_daily_series",
            "features.account_features",
        ),
        predict=(
            "predict.recommenders",
            "predict.forecasts",
            "predict.churn",
            "predict.soft_churn",
            "predict.offer",
            "predict.value",
            "predict.segments",
            # what the champions said comes back like any other source's drop
            "bronze.recommendations",
            "bronze.sales_forecasts",
            "bronze.account_scores",
            "bronze.account_segments",
        ),
        scores=(
            "scores.recommendations",
            "scores.sales_forecast",
            "scores.account_scores",
            "scores.account_segments",
            "scores.segment_moves",
            "scores.crm_outbox",
            "scores.next_actions",
            "scores.account_360",
            "scores.follow_ups",
            "scores.rep_weeks",
        ),
        tell=("tell.model_health", "tell.reps", "tell.pages"),
        ask=("ask.training",),
    )

    for drop, landed in {
        "land.till": ("order_lines", "redemptions"),
        "land.erp": ("products", "promotions", "campaigns", "campaign_accounts", "coupons"),
        "land.crm": ("accounts", "opportunities", "activities"),
        "land.erp_db": ("order_lines", "stock_levels"),
        "land.webshop": ("order_lines",),
        "land.deliveries": ("deliveries",),
        "predict.recommenders": ("recommendations",),
        "predict.forecasts": ("sales_forecasts",),
        "predict.churn": ("account_scores",),
        "predict.soft_churn": ("account_scores",),
        "predict.offer": ("account_scores",),
        "predict.value": ("account_scores",),
        "predict.segments": ("account_segments",),
    }.items():
        day[drop] >> [day[f"bronze.{entity}"] for entity in landed]
    arrows(day)
    purchases = ("features.account_days", "features.interactions")
    plans = tuple(
        f"silver.{n}" for n in ("campaigns", "campaign_accounts", "coupons", "redemptions")
    )
    for family, seen in {
        "recommenders": (
            *("features.interactions", "silver.product_history", "silver.accounts"),
            "silver.account_history",
        ),
        "forecasts": ("features.sales_weekly", "silver.calendar"),
        "churn": purchases,
        "soft_churn": purchases,
        "offer": (*purchases, *plans),
        "value": purchases,
        "segments": purchases,
    }.items():
        [day[name] for name in seen] >> day[f"predict.{family}"]
    [day["scores.account_scores"], day["features.account_features"]] >> day["tell.model_health"]
    day["tell.model_health"] >> day["ask.training"]
    reports = ("scores.rep_weeks", "scores.follow_ups", "gold.renewals", "gold.account_days")
    [day[name] for name in reports] >> day["tell.reps"]
    # the pages tell of every table, of one that failed most of all: after those that nobody waits
    # for, whatever became of them; as a teardown they leave the run as failed as it is
    pages = day.pop("tell.pages").as_teardown()
    [made for made in day.values() if not made.operator.downstream_task_ids] >> pages
