"""Measures what delivered scores changed: spend of who was delivered to, beside who was held out.

python -m jobs.delivery.lift --experiment NAME --until 2017-11-26

Arms were drawn by chance, so that a difference is an effect, and needs no model of who was chosen.
Everyone who was drawn counts from the experiment's first day, whatever a delivery did.
"""

import datetime as dt
import logging
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import pandas as pd
import typer

from jobs import command, lake
from jobs.delivery import holdout
from jobs.delivery.holdout import HELD, TREATED
from jobs.ops.lift import TABLE
from jobs.settings import settings
from jobs.sql import literal
from jobs.training.uplift import means

logger = logging.getLogger(__name__)

SALES = "gold.account_days"
LEAST_DAYS = 28  # of an experiment: customers buy by the week, and a score works after a while
LEAST_ACCOUNTS = 100  # of an arm: below, spend is too skewed for an interval of means


class NoExperiment(ValueError):
    """No experiment of this name ran on the day; the message says what to do."""


@dataclass(frozen=True)
class Lift:
    """A row of ops.lift but for the time."""

    experiment: str
    from_date: dt.date
    until_date: dt.date
    outcome: Literal["measured", "too early", "too few"]
    reason: str
    treated: int
    held: int
    contaminated: int
    treated_usd: float | None = None
    held_usd: float | None = None
    lift_usd: float | None = None
    lift_usd_low: float | None = None
    lift_usd_high: float | None = None
    explained_share: float | None = None


def measure(experiment: str, until: dt.date) -> Lift:
    """What an experiment that runs, or ran to its end, has shown by a business day; kept.

    lift = mean(y, treated) - mean(y, held), USD per customer over all its days, y = spend freed of
    the spend of as many days before (means.py).

    Raises:
        NoExperiment: it did not run on that day.
        NoSuchTable: nobody was drawn, or no sale is known.
    """
    ran = holdout.running(until).get(experiment)
    if ran is None:
        raise NoExperiment(
            f"experiment {experiment} does not run on {until}: give one of"
            f" {settings().experiments.name}, and a day of it; of one that ended, its last day"
        )
    arms = _arms(experiment)
    mixed = arms["contaminated_at"].notna()
    found = _lift(experiment, ran.starts, until, arms[~mixed], int(mixed.sum()))
    now = dt.datetime.now(dt.UTC)
    of = f"experiment = {literal(experiment)} and until_date = {literal(str(until))}"
    lake.replace(TABLE, [asdict(found) | {"measured_at": now}], of)
    return found


def _lift(experiment: str, start: dt.date, until: dt.date, arms: pd.DataFrame, mixed: int) -> Lift:
    counts = {arm: int((arms["arm"] == arm).sum()) for arm in (TREATED, HELD)}
    told = (experiment, start, until)
    rest = (counts[TREATED], counts[HELD], mixed)
    if why := _too_early(start, until):
        return Lift(*told, "too early", why, *rest)
    if few := [f"{count:,} {arm}" for arm, count in counts.items() if count < LEAST_ACCOUNTS]:
        why = f"{' and '.join(few)} customers, at least {LEAST_ACCOUNTS} must be"
        return Lift(*told, "too few", why, *rest)
    spent = arms.merge(_spent(start, until), how="left", on="account_id").fillna(
        {"after": 0.0, "before": 0.0}  # who bought nothing has no row, and counts
    )
    ones, others = (spent[spent["arm"] == arm] for arm in (TREATED, HELD))
    after = [of["after"].to_numpy(float) for of in (ones, others)]
    steady = means.steadied(*after, *(of["before"].to_numpy(float) for of in (ones, others)))
    gain = means.difference(steady.ones, steady.others)
    is_told = not gain.low <= 0 <= gain.high
    why = "the interval excludes 0" if is_told else "the interval holds 0: nothing can be claimed"
    usd = (*(float(of.mean()) for of in after), gain.value, gain.low, gain.high, steady.share)
    return Lift(*told, "measured", why, *rest, *usd)


def _too_early(start: dt.date, until: dt.date) -> str | None:
    """Why the days that have passed are not enough; null: they are."""
    days = (until - start).days + 1
    if days < LEAST_DAYS:
        return f"{days} days have passed, at least {LEAST_DAYS} must"
    [newest] = lake.read(SALES, sql="select max(business_date) as day from t").to_pylist()
    if newest["day"] is None or newest["day"] < until:
        return f"sales are known up to {newest['day']} only"
    return None


def _arms(experiment: str) -> pd.DataFrame:
    asked = "select account_id, arm, contaminated_at from t where experiment = "
    return lake.read(holdout.NAME, sql=asked + literal(experiment)).to_pandas()


def _spent(start: dt.date, until: dt.date) -> pd.DataFrame:
    """USD per account since the start, and in as many days before."""
    before = start - (until - start) - dt.timedelta(days=1)
    asked = f"""
        select account_id,
               sum(case when business_date >= date '{start}' then usd else 0.0 end) as after,
               sum(case when business_date < date '{start}' then usd else 0.0 end) as before
        from (select account_id, business_date, cast(sales_usd as double) as usd from t
              where business_date between date '{before}' and date '{until}')
        group by account_id
    """  # noqa: S608
    return lake.read(SALES, sql=asked).to_pandas()


def sentence(of: Lift) -> str:
    """What was found, for a person."""
    head = (
        f"{of.experiment}, {of.from_date} to {of.until_date}: {of.outcome}: {of.reason};"
        f" {of.treated:,} customers treated, {of.held:,} held out,"
        f" {of.contaminated:,} left out as contaminated"
    )
    if of.lift_usd is None:
        return head
    return (
        f"{head}; {of.lift_usd:+.2f} USD per customer ({of.lift_usd_low:+.2f} .."
        f" {of.lift_usd_high:+.2f}), {of.treated_usd:.2f} beside {of.held_usd:.2f}; the time before"
        f" explains {of.explained_share:.0%} of the variance"
    )


def main(
    experiment: Annotated[str, typer.Option(help="of experiments.yaml")],
    until: Annotated[
        dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="last business day that counts")
    ],
) -> None:
    command.tell_facts()
    logger.info("%s", sentence(measure(experiment, until.date())))


if __name__ == "__main__":
    command.run(main)
