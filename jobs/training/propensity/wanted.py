"""What a bench of files is asked for: which question, of which files, at which origins."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from jobs.training import transactions
from jobs.training.family import Question
from jobs.training.given import BadFile
from jobs.training.propensity import campaigns, pipeline
from jobs.training.propensity.churn import Churn
from jobs.training.propensity.department import Department
from jobs.training.propensity.offer import Offer
from jobs.training.propensity.soft_churn import SoftChurn
from jobs.training.propensity.task import Task
from jobs.training.propensity.win import Win


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for."""

    transactions: Path | None  # of a win null
    task: Question
    origins: tuple[dt.date, ...]
    out: Path
    horizon_days: int = 28
    campaigns: Path | None = None
    recipients: Path | None = None
    coupons: Path | None = None
    redemptions: Path | None = None
    opportunities: Path | None = None  # of a win
    leave_out: tuple[str, ...] = ()  # models that are not judged

    @property
    def files(self) -> dict[str, Path]:
        lines = ("transactions", "campaigns", "recipients", "coupons", "redemptions")
        names = (*lines, "opportunities")
        return {name: path for name in names if (path := getattr(self, name))}


def task(wanted: Wanted) -> Task:
    """The question, with what the files say.

    Raises:
        BadFile: a file cannot be used, or is missing.
    """
    if wanted.task == "win":
        return Win(pipeline.read(_given(wanted, "opportunities")), wanted.horizon_days)
    lines = _given(wanted, "transactions")
    days = transactions.days(lines)
    if wanted.task == "churn":
        return Churn(days, wanted.horizon_days)
    if wanted.task == "soft_churn":
        return SoftChurn(days, wanted.horizon_days)
    if wanted.task == "department":
        return Department(days, transactions.by_department(lines), wanted.horizon_days)
    if not (wanted.campaigns and wanted.recipients and wanted.redemptions):
        raise BadFile(
            "--task offer needs --campaigns, --recipients and --redemptions: which campaigns there"
            " were, whom they reached, and who answered"
        )
    files = campaigns.Files(wanted.campaigns, wanted.recipients, wanted.coupons, wanted.redemptions)
    bought = transactions.purchases(lines)
    told = campaigns.read(files)
    for theirs, ours, name in (
        (told.recipients, days, "account_id"),
        (told.redemptions, days, "account_id"),
        (told.coupons, bought, "product_id"),
    ):
        campaigns.tell_unknown(theirs[name], ours[name], lines)
    return Offer(days, bought, told, wanted.horizon_days)


def _given(wanted: Wanted, name: str) -> Path:
    if name not in wanted.files:
        raise BadFile(f"--task {wanted.task} needs --{name}: see docs/propensity.md, docs/win.md")
    return wanted.files[name]
