"""A unit's name → a task: `silver.orders` builds that table, `train.forecasts` trains a family.

A task's id is the unit's name, its box is its layer, and the arrows between tables are the tables'
`inputs`. Heavy imports stay inside the tasks: the scheduler reads this file again and again.
"""

import contextlib
import datetime as dt
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import (
    Asset,
    AssetAlias,
    CronTriggerTimetable,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    TaskGroup,
    TriggerRule,
    task,
)
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
)

from dags.alerting import tell_failure, tell_success
from jobs import reviewed
from jobs.delivery.entries import outbox
from jobs.settings import SettingsError, settings
from jobs.table import LAYERS, names, table

Tasks = Mapping[str, Any]

DEFAULTS: dict[str, Any] = {
    "owner": "sales-lakehouse",
    "retries": 4,
    "retry_delay": dt.timedelta(seconds=10),
    "retry_exponential_backoff": 3,  # 10 s, 30 s, 90 s, 270 s: the JVM has time to come back
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(
                exception=SettingsError,
                action=RetryAction.FAIL,
                reason="the settings must change first",
            )
        ]
    ),
    # a Connect client waits for ever on a driver that is gone
    "execution_timeout": dt.timedelta(hours=2),
    "on_failure_callback": tell_failure,
    "on_success_callback": tell_success,
}


# Built from what stands when an input failed: what was sold does not wait for the CRM.
FROM_WHAT_STANDS = ("silver.account_identities",)

# one slot each: `airflow pools set gpu 1 …`; so has crm_<connection>, which has one writer
POOLS = {"bench": "gpu", "train": "gpu", "promote": "gpu"}
# Of the day's chains of tables the longest ends here: what leads to it goes first.
PRIORITIES = {"gold.product_weeks": 50}


def cron(expression: str) -> CronTriggerTimetable:
    """A schedule at the company's wall clock, beginning with the next tick.

    Without the zero, a fresh installation runs a tick that has just passed (up to a tenth of the
    interval ago), over an empty lake: Airflow's False does not mean never.
    """
    return CronTriggerTimetable(
        expression, timezone=settings().timezone, run_immediately=dt.timedelta(0)
    )


def business_date(description: str) -> Param:
    """A run's parameter: a day in the company's time zone, or null."""
    return Param(None, type=["null", "string"], format="date", description=description)


def business_dates(
    start: str | None, end: str | None, run_after: dt.datetime
) -> tuple[dt.date, dt.date]:
    """First and last business date to land: as told, else the day before the run at the shops.

    Raises:
        AirflowFailException: one is missing, or they are the wrong way round.
    """
    if start is None and end is None:
        today = run_after.astimezone(ZoneInfo(settings().timezone)).date()
        return today - dt.timedelta(days=1), today - dt.timedelta(days=1)
    if start is None or end is None or start > end:
        raise AirflowFailException(
            f"start={start} and end={end}: give both, the earlier first, or neither"
        )
    return dt.date.fromisoformat(start), dt.date.fromisoformat(end)


def asset(name: str) -> Asset:
    """The table as others schedule on it."""
    return Asset(name=name, uri=f"lake://{name.replace('.', '/')}", group=name.partition(".")[0])


def is_for_delivery(params: Mapping[str, Any], run_type: str) -> bool:
    """Whether what a run makes goes on to the CRM by itself: a backfill's does only when told."""
    told: bool | None = params.get("deliver")
    if told is not None:
        return told
    return run_type != "backfill" and params.get("start") is None


def is_by_hand(run_type: str) -> bool:
    """Whether a person started the run: then the newest outbox is what they mean."""
    return run_type == "manual"


def is_only_backfill(triggering_asset_events: Any) -> bool:
    """Whether a delivery runs for nothing but outboxes that were not meant for the CRM."""
    written = triggering_asset_events or {}
    events = [event for listed in written.values() for event in listed]
    return bool(events) and not any(event.extra.get("deliver") for event in events)


def outbox_of(connection: str) -> str:
    """The table that a connection delivers, by its mapping; a fault in that is told by its plan."""
    try:
        told = reviewed.read_file(settings().connections / f"{connection}.yaml")
    except reviewed.NoYaml:
        return outbox(None)
    return outbox(told.get("customers") if isinstance(told, dict) else None)


def version_meant_for_crm(name: str, written: Iterable[Any]) -> int:
    """The newest version of the outbox that a run wrote to be delivered.

    Args:
        name: of the outbox.
        written: its asset events.

    Raises:
        AirflowSkipException: there is none.
    """
    meant = [event for event in written if event.extra.get("deliver")]
    if not meant:
        raise AirflowSkipException(
            f"no run wrote {name} to be delivered; trigger this DAG by hand to deliver "
            "the newest version"
        )
    return int(max(meant, key=lambda event: event.timestamp).extra["version"])


@contextlib.contextmanager
def no_retry_after(*kinds: type[Exception]) -> Iterator[None]:
    """Fail at once where another attempt would only meet the same data again.

    Not a rule of the retry policy: Airflow imports a rule's exceptions when it reads the DAG.
    """
    try:
        yield
    except kinds as error:
        raise AirflowFailException(str(error)) from error


@contextlib.contextmanager
def no_retry_where_refused() -> Iterator[None]:
    """Fail at once where the CRM does not take what we ask; one that is away may come back."""
    from jobs.crm.adapter import CrmError

    try:
        yield
    except CrmError as error:
        if error.kind in ("permission", "data"):
            raise AirflowFailException(str(error)) from error
        raise


def written_since(name: str, began: dt.datetime) -> dict[str, Any] | None:
    """What the newest build that wrote the table tells of it; null: it is older than that."""
    from jobs import lake

    told = "started_at, table_version as version, slices_written as slices, rows_written as rows"
    wrote = f"table_name = '{name}' and outcome = 'written'"
    newest = f"select {told} from t where {wrote} order by started_at desc limit 1"  # noqa: S608
    found = lake.read("ops.builds", sql=newest).to_pylist()
    return found[0] if found and found[0].pop("started_at") >= began else None


@task
def build(
    name: str, *, outlet_events: Any = None, params: Any = None, dag_run: Any = None, ti: Any = None
) -> dict[str, Any]:
    """Build what changed of a table; an event is sent only when a version was written."""
    from jobs.spark.build import Refused, WrongColumns, build

    with no_retry_after(Refused, WrongColumns):
        done = build(table(name))
    facts = {
        "version": done.table_version,
        "slices": done.slices_written,
        "rows": done.rows_written,
    }
    sent = facts if done.outcome == "written" else None
    if sent is None and ti.try_number > 1:
        # an attempt that was killed when it had built, before its event was sent
        sent = written_since(name, dag_run.start_date)
    if sent:
        extra = sent | {"deliver": is_for_delivery(params, dag_run.run_type)}
        outlet_events[AssetAlias(name)].add(asset(name), extra=extra)
    return {"outcome": done.outcome, "why": done.why} | facts


@task
def land(name: str, *, params: Any = None, dag_run: Any = None) -> dict[str, Any]:
    """Land a source system's drops of the run's business dates."""
    from jobs.increment import NotConnected
    from jobs.landing import NotLanded

    start, end = business_dates(params["start"], params["end"], dag_run.run_after)
    try:
        with no_retry_where_refused(), no_retry_after(NotLanded):
            manifests = importlib.import_module(f"jobs.sources.{name}").land(start, end)
    except NotConnected as error:
        raise AirflowSkipException(str(error)) from None
    rows = sum(file.rows or 0 for manifest in manifests for file in manifest.files)
    return {"start": str(start), "end": str(end), "batches": len(manifests), "rows": rows}


@task
def predict(family: str) -> dict[str, Any]:
    """Land the champion's answers as of the newest features."""
    from jobs.training.predict import NoChampion, predict
    from jobs.training.propensity.task import NothingToAsk

    try:
        manifest = predict(family)
    except (NoChampion, NothingToAsk) as error:
        raise AirflowSkipException(str(error)) from None
    return {"batch": manifest.batch_id, "rows": sum(file.rows or 0 for file in manifest.files)}


@task
def bench(family: str, *, params: Any = None) -> str:
    """Judge the family's configurations; returns the MLflow run."""
    from jobs.training.bench import bench
    from jobs.training.family import NothingToJudge

    try:
        return bench(family, leave_out=params["leave_out"])
    except NothingToJudge as error:  # such as no campaign: the champion, if there is one, stays
        raise AirflowSkipException(str(error)) from None


@task
def train(family: str) -> str:
    """Refit the chosen configuration on everything; returns the registered version."""
    from jobs.training.train import NotJudged, train

    with no_retry_after(NotJudged):
        return train(family)


@task
def promote(family: str) -> str:
    """Ask the gate; returns its decision."""
    from jobs.training.promote import CannotPromote, promote

    with no_retry_after(CannotPromote):
        return promote(family)


@task
def deliver(
    connection: str,
    step: str,
    *,
    triggering_asset_events: Any = None,
    inlet_events: Any = None,
    dag_run: Any = None,
    ti: Any = None,
) -> dict[str, Any]:
    """One step of a delivery to the CRM; apply and verify take the plan that this run made."""
    from jobs.delivery.ledger import DeliveryError
    from jobs.delivery.mapping import MappingError
    from jobs.lake import NoSuchTable

    told: dict[str, Any] = {}
    if step == "plan" and is_only_backfill(triggering_asset_events):
        raise AirflowSkipException("the outbox was written by a backfill that was not to deliver")
    if step == "plan" and not is_by_hand(dag_run.run_type):
        of = outbox_of(connection)
        told["version"] = version_meant_for_crm(of, inlet_events[asset(of)])
    if step == "plan":
        told["requester"] = getattr(dag_run, "triggering_user_name", None) or "airflow"
    elif planned := ti.xcom_pull(task_ids="delivery.plan"):
        told["plan"] = planned["plan"]
    take = getattr(importlib.import_module(f"jobs.delivery.{step}"), step)
    with no_retry_after(MappingError, DeliveryError, NoSuchTable), no_retry_where_refused():
        done = take(connection, **told)
    if step == "apply" and done.left:
        raise AirflowException(
            f"the CRM put {done.left} of {done.plan.records} records off; the next attempt goes "
            "on with them"
        )
    if step == "verify" and done.differing:
        raise AirflowFailException(
            f"{len(done.differing)} of {done.fields} fields are not as delivered; "
            f"see `python -m jobs.delivery verify --connection {connection}`, and the next plan "
            "for whose they are"
        )
    plan = done if step == "plan" else done.plan
    return {"plan": plan.plan_id, "state": plan.state, "records": plan.records, "note": plan.note}


@task
def keep_up(layer: str, *, ti: Any = None) -> dict[str, str]:
    """One upkeep of every table of a layer; those that builds want are left for a retry."""
    from jobs import lake
    from jobs.spark import store, upkeep

    verb = ti.task_id.partition(".")[0]
    told = upkeep.care(verb, filter(lake.exists, names([layer])))
    if broken := [f"{done.table_name}: {done.faults}" for done in told if done.faults]:
        raise AirflowFailException(f"{'; '.join(broken)}; see `python -m jobs.spark.upkeep check`")
    if busy := [done.table_name for done in told if done.outcome == "gave way"]:
        raise store.Busy(f"{verb}: {', '.join(busy)} being built; the others are done")
    return {done.table_name: done.outcome for done in told}


TOLD = {
    "freshness": "jobs.ops.freshness",
    "pages": "jobs.pages.write",
    "model_health": "jobs.model_health",
    "reps": "jobs.pages.reps",
}


@task
def tell(what: str) -> None:
    """Bring what people read about the tables up to date."""
    importlib.import_module(TOLD[what]).refresh()


@task
def ask(what: str, *, params: Any = None, dag_run: Any = None) -> bool:
    """Start what a day has shown to be needed; what old days show is no news."""
    from jobs import model_health

    if not is_for_delivery(params, dag_run.run_type):
        raise AirflowSkipException("a run for dates given by hand asks for nothing")
    if not model_health.ask_to_learn(model_health.newest()):
        raise AirflowSkipException("no score asks for learning again: see ops.model_health")
    return True


@task
def watch(what: str) -> dict[str, Any]:
    """Look for what is late, close what is well again, send what waits."""
    from jobs import alerts
    from jobs.watch import look

    return look(alerts.now())


VERBS: dict[str, Callable[..., Any]] = {
    "land": land,
    "predict": predict,
    "bench": bench,
    "train": train,
    "promote": promote,
    "optimize": keep_up,
    "vacuum": keep_up,
    "check": keep_up,
    "tell": tell,
    "ask": ask,
    "watch": watch,
}


def delivery(connection: str) -> list[Any]:
    """The steps of a delivery, in their order."""
    from dags.approval import AskAPerson

    with TaskGroup("delivery", prefix_group_id=False):
        made = [
            deliver.override(
                task_id=f"delivery.{step}",
                pool=f"crm_{connection}",
                inlets=[asset(outbox_of(connection))],
            )(connection, step)
            for step in ("plan", "apply", "verify")
        ]
        # as in jobs/delivery/approval.py, which knows the CRMs and is not for the scheduler to read
        asked = AskAPerson(
            connection=connection,
            options=["Approve", "Refuse"],
            task_id="delivery.approve",
            execution_timeout=None,
            retries=0,
        )
    return [made[0], asked, *made[1:]]


def unit(name: str) -> Any:
    """The task of a unit."""
    verb, _, rest = name.partition(".")
    if verb not in LAYERS:
        return VERBS[verb].override(task_id=name, pool=POOLS.get(verb, "default_pool"))(rest)
    told = importlib.import_module(f"jobs.spark.{name}").__doc__
    # a family without a champion skips its prediction, and the tables go on with what there is
    waits = TriggerRule.ALL_DONE if name in FROM_WHAT_STANDS else TriggerRule.NONE_FAILED
    return build.override(
        task_id=name,
        doc_md=told,
        outlets=[AssetAlias(name)],
        trigger_rule=waits,
        priority_weight=PRIORITIES.get(name, 1),
    )(name)


def boxes(**layers: tuple[str, ...]) -> dict[str, Any]:
    """One box per layer, with the tasks of its units."""
    tasks = {}
    for box, units in layers.items():
        with TaskGroup(box, prefix_group_id=False):
            tasks |= {name: unit(name) for name in units}
    return tasks


def arrows(tasks: Tasks) -> None:
    """Draw the arrows that the tables' inputs tell."""
    for name, made in tasks.items():
        if name.partition(".")[0] in LAYERS:
            for arrow in table(name).inputs:
                if arrow.name in tasks:
                    tasks[arrow.name] >> made
