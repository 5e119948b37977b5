"""The week's learning: every model is judged, the best is refitted, and may become champion.

**bench** judges all configurations of a family on one time split, naive baselines always among
them, and writes `ops.leaderboard`; **train** refits the chosen one on everything and registers a
version; **promote** moves the alias `champion` to it only through the gate of `mlflow/models.yaml`.
A gate that says no is no failure: the champion stays, and `ops.promotions` says why. A family of
which there is nothing to judge, such as offers of a company without campaigns, is skipped. New
segments that move too many customers wait for a person (`promote --accept`).

**Impact:** tomorrow's predictions come from the champion of today. Failed? The champion before goes
on answering; clear the red task once its cause is gone: a bench or a fit that is done is not done
again. **In a hurry?** `leave_out` names models that are not judged this time, such as `ranker`.
"""

from airflow.sdk import DAG, Param, chain

from dags.tasks import DEFAULTS, boxes, cron

FAMILIES = ("recommenders", "forecasts", "churn", "soft_churn", "offer", "value", "segments")

with DAG(
    "training_weekly",
    doc_md=__doc__,
    schedule=cron("0 2 * * SUN"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={
        "leave_out": Param(
            [],
            type="array",
            items={"type": "string"},
            description="models that are not judged this time; the baseline and the champion are",
        )
    },
    tags=["weekly", "models"],
):
    week = boxes(
        bench=tuple(f"bench.{family}" for family in FAMILIES),
        train=tuple(f"train.{family}" for family in FAMILIES),
        promote=tuple(f"promote.{family}" for family in FAMILIES),
    )
    for family in FAMILIES:
        chain(*(week[f"{step}.{family}"] for step in ("bench", "train", "promote")))
