"""Who is shown no score, so that what scores do can be measured against those who are.

An arm is drawn when a customer is first seen, by a hash of the experiment's salt and the customer:
the same for every connection, task and file. It is kept in ops.crm_holdout.
"""

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from filelock import FileLock
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from jobs import lake, reviewed
from jobs.delivery.ledger import log_of
from jobs.delivery.mapping import MappingError
from jobs.reviewed import NoYaml, Part
from jobs.settings import settings
from jobs.sql import literal

NAME = "ops.crm_holdout"
IDENTITIES = "silver.account_identities"
HELD, TREATED = "held", "treated"


class Experiment(Part):
    """An experiment as written in experiments.yaml."""

    salt: str = Field(min_length=1)
    share: float = Field(gt=0, lt=1)  # of the customers, held out
    starts: dt.date
    ends: dt.date

    @model_validator(mode="after")
    def in_order(self) -> "Experiment":
        if self.ends < self.starts:
            raise ValueError(f"ends {self.ends} before it starts {self.starts}")
        return self

    def arm(self, account: str) -> str:
        """The arm of a customer: a number from 0 to 1 that depends on salt and customer alone."""
        digest = hashlib.sha256(f"{self.salt}\0{account}".encode()).digest()
        drawn = int.from_bytes(digest[:8], "big") / 2**64
        return HELD if drawn < self.share else TREATED


Experiments = TypeAdapter(dict[str, Experiment])


def running(day: dt.date | None) -> dict[str, Experiment]:
    """The experiments of a business day; none on no day.

    Raises:
        MappingError: the file is not of this form.
    """
    path = settings().experiments
    if day is None or not path.exists():
        return {}
    try:
        found = Experiments.validate_python(reviewed.read_file(path) or {})
    except NoYaml as error:
        raise MappingError(f"{path.name}: {error}") from None
    except ValidationError as error:
        faults = "; ".join(reviewed.fault_of(each) for each in error.errors())
        raise MappingError(f"{path.name}: {faults}") from None
    return {name: of for name, of in found.items() if of.starts <= day <= of.ends}


def held(accounts: Collection[str], day: dt.date | None) -> set[str]:
    """Who of these customers is held out on a business day; who is new is drawn, and kept.

    Raises:
        MappingError: the file of experiments cannot be used.
    """
    found = set[str]()
    for name, experiment in running(day).items():
        settings().locks.mkdir(parents=True, exist_ok=True)
        # deliveries to other connections draw too
        with FileLock(settings().locks / "crm-holdout.lock"):
            arms = kept(name)
            new = {each: experiment.arm(each) for each in accounts if each not in arms}
            note(name, new)
            arms |= new
            contaminate(name, arms)
        found |= {each for each in accounts if arms[each] == HELD}
    return found


def kept(experiment: str) -> dict[str, str]:
    """The arms drawn so far, by customer."""
    return {row["account_id"]: row["arm"] for row in _rows(experiment, "account_id, arm")}


def note(experiment: str, arms: Mapping[str, str]) -> None:
    now = dt.datetime.now(dt.UTC)
    told = {"experiment": experiment, "seen_at": now, "contaminated_at": None}
    rows = [told | {"account_id": account, "arm": arm} for account, arm in arms.items()]
    if rows:
        lake.append(log_of(NAME), rows)


def contaminate(experiment: str, arms: Mapping[str, str]) -> None:
    """Mark accounts of both arms that turned out to be one customer."""
    if not lake.exists(IDENTITIES):
        return
    joined: dict[str, set[str]] = defaultdict(set)
    asked = "select account_id, customer_id from t where accounts > 1"
    for row in lake.read(IDENTITIES, sql=asked).to_pylist():
        joined[row["customer_id"]] |= {row["account_id"], row["customer_id"]} & arms.keys()
    mixed = {
        account
        for group in joined.values()
        if len({arms[account] for account in group}) > 1
        for account in group
    }
    rows = [row for row in _rows(experiment) if row["account_id"] in mixed]
    if fresh := [row for row in rows if row["contaminated_at"] is None]:
        now = dt.datetime.now(dt.UTC)
        of = lake.one_of("account_id", {row["account_id"] for row in fresh})
        marked = [row | {"contaminated_at": now} for row in fresh]
        lake.replace(log_of(NAME), marked, f"experiment = {literal(experiment)} and {of}")


def _rows(experiment: str, columns: str = "*") -> list[dict[str, Any]]:
    if not lake.exists(NAME):
        return []
    of = f"select {columns} from t where experiment = {literal(experiment)}"  # noqa: S608 quoted
    return lake.read(NAME, sql=of).to_pylist()
