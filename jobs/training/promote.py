"""Move the alias `champion` through the gate of mlflow/models.yaml, or back.

`python -m jobs.training.promote recommenders`

A decision is a row of ops.promotions before it is anything else: the alias follows it, then what a
rollback lands again, then the version's tag `decision`, which says that all of it is done. Whatever
finds the last decision without that tag, or the alias elsewhere, brings it to its end.
"""

import datetime as dt
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import pandas as pd
import typer
from mlflow.entities.model_registry import ModelVersion

from jobs import command, lake
from jobs.ops.gate_checks import TABLE as GATE_CHECKS
from jobs.ops.promotions import TABLE as PROMOTIONS
from jobs.training import exposure, fairness, gate, grades, predict, probes, tracking
from jobs.training.data import read
from jobs.training.family import (
    Continuing,
    Data,
    Family,
    FamilyName,
    Foretelling,
    Graded,
    configuration_of,
    family,
)
from jobs.training.gate import Check, Gate
from jobs.training.rules import Rules, rules

logger = logging.getLogger(__name__)

DONE = "decision"  # tag of a version: the decision about it that has been carried out
MOVES = ("promoted", "rolled_back")  # decisions that the alias follows


class CannotPromote(Exception):
    """There is nothing to promote, or to accept, or to go back to."""


@dataclass(frozen=True)
class Accepted:
    """A person's word that a version is taken over though its gate waits for one."""

    by: str
    reason: str


def promote(name: str, accepted: Accepted | None = None) -> str:
    """Look at the newest version and move the alias if the gate, or a person, lets it.

    Returns:
        The decision: promoted, refused or unchanged.

    Raises:
        CannotPromote: no version is registered, its bench did not judge it, or it is refused by a
            condition that no person can accept.
    """
    settle(name)
    version = tracking.newest_version(name)
    if version is None:
        raise CannotPromote(
            f"no version of {name} is registered; run `python -m jobs.training.train {name}`"
        )
    champion = tracking.champion(name)
    if champion and champion.version == version.version:
        logger.info("%s: version %s is the champion already", name, version.version)
        return "unchanged"
    checks = looked_at(name, version, champion)
    reason, by = gate.in_words(checks), None
    if accepted and not gate.passes(checks) and gate.passes(taken := gate.accepted(checks)):
        checks, by = taken, accepted.by
        reason = f"accepted by {accepted.by} ({accepted.reason}): {reason}"
    decision = "promoted" if gate.passes(checks) else "refused"
    decided(decision, version, champion, reason, checks, by)
    if accepted and decision == "refused":
        others = [c for c in checks if c.outcome == "refused"]
        told = next(c for c in others if c.condition not in gate.FOR_A_PERSON)
        raise CannotPromote(
            f"{name} version {version.version}: {told.condition} refuses it ({told.reason}), which"
            f" no person can accept; only {', '.join(gate.FOR_A_PERSON)} wait for one"
        )
    return decision


def rollback(name: str, reason: str) -> str:
    """Give the alias back to the version that the present champion once took it from.

    Its answers of the newest day are landed again, for the scores to be built from. Rollbacks do
    not count: after one, the next goes one further back, never forth again. One that was killed is
    brought to its end, and no second one made.

    Returns:
        The version that is champion now.

    Raises:
        CannotPromote: there was no champion before.
    """
    settled = settle(name)
    if settled and settled["decision"] == "rolled_back":
        logger.warning("%s: the rollback before had not ended; run again to go further back", name)
        return str(settled["model_version"])
    champion = tracking.champion(name)
    taken = _decisions(name, f"model_version = '{champion.version}'") if champion else []
    before = next((d["previous_version"] for d in taken if d["decision"] == "promoted"), None)
    if champion is None or before is None:
        raise CannotPromote(f"{name}: there was no champion before the present one")
    version = next((v for v in tracking.versions(name) if str(v.version) == before), None)
    if version is None:
        raise CannotPromote(f"{name}: version {before}, the champion before, is registered no more")
    decided("rolled_back", version, champion, reason)
    return str(before)


def looked_at(name: str, version: ModelVersion, champion: ModelVersion | None) -> list[Check]:
    """Every condition of the family's gate; what costs a fit only where nothing has refused yet."""
    of, by = family(name), rules(name)
    limits = Gate.of(by.gate)
    rows = test_rows(version, by)
    row = rows[by.metric]
    checks = [
        gate.learnt_no_less(version, champion),
        gate.not_taken_back(version, _taken_back(version)),
        gate.beats_baseline(row, by, limits.beats_baseline),
        gate.beats_champion(row, by, limits.beats_champion, champion),
        *[gate.within(rows[metric], ends) for metric, ends in limits.within.items()],
    ]
    if not gate.passes(checks):
        return checks
    told = json.loads(version.tags["params"])
    asked = configuration_of(of, version.tags["model"], told)
    if limits.leakage:
        gain = row["difference"]
        checks += probes.looked_for_leaks(of, asked, row["cut_date"], gain, by, limits.leakage)
    if limits.fairness and isinstance(of, Foretelling):
        outcomes = of.outcomes(of.data(None), asked, row["cut_date"])
        checks += fairness.checks(outcomes, _demographics(), limits.fairness)
    return checks + _asked(of, version, champion, limits)


def test_rows(version: ModelVersion, by: Rules) -> dict[str, dict[str, Any]]:
    """The leaderboard's test rows of a version's configuration on the deciding task, by metric.

    Raises:
        CannotPromote: its bench did not judge it.
    """
    found: list[dict[str, Any]] = lake.read(
        "ops.leaderboard",
        sql=f"select * from t where bench_run_id = '{version.tags['bench_run_id']}'"  # noqa: S608
        f" and configuration = '{version.tags['configuration']}' and split = 'test'"
        f" and task = '{by.task}'",
    ).to_pylist()
    rows = {row["metric"]: row for row in found}
    if missing := [m for m in (by.metric, *Gate.of(by.gate).within) if m not in rows]:
        raise CannotPromote(
            f"{version.name} version {version.version}: bench {version.tags['bench_run_id']} has no"
            f" test row of {version.tags['configuration']} with {', '.join(missing)}; run the"
            " bench, then train"
        )
    return rows


def _asked(
    of: Family, version: ModelVersion, champion: ModelVersion | None, limits: Gate
) -> list[Check]:
    """What the version itself answers, as of the last day that it learnt from."""
    as_of = dt.date.fromisoformat(version.tags["as_of"])
    checks: list[Check] = []
    if limits.exposure is None and limits.grades is None and limits.refit is None:
        return checks
    data = of.data(as_of)
    if limits.exposure:
        answers = of.predict(tracking.loaded(of, version), data, as_of, None)
        checks += exposure.checks(
            exposure.personal_share(answers), _groups(data.frames["accounts"]), limits.exposure
        )
    if limits.grades and isinstance(of, Graded):
        checks += _grade_flips(of, version, champion, data, as_of, limits.grades)
    if limits.refit and isinstance(of, Continuing):
        before = tracking.loaded(of, champion) if champion else None
        found = of.changes(before, tracking.loaded(of, version), data, as_of)
        checks += gate.refit(found, limits.refit, champion)
    return checks


def _demographics() -> pd.DataFrame:
    """What customers say of themselves now, by account_id; empty where nobody was asked."""
    if not lake.exists("silver.accounts"):
        return pd.DataFrame()
    return _groups(read("silver.accounts")[0])


def _groups(accounts: pd.DataFrame) -> pd.DataFrame:
    return accounts.assign(account_id=accounts["account_id"].astype(str)).set_index("account_id")


def _grade_flips(
    of: Graded,
    version: ModelVersion,
    champion: ModelVersion | None,
    data: Data,
    as_of: dt.date,
    budget: gate.Budget,
) -> list[Check]:
    edges = grades.kept(champion)
    if champion is None or edges is None:
        reason = "there is no champion whose grades could change"
        return [Check("grade_flips", "does not apply", reason)]
    before, after = (
        of.scores(tracking.loaded(of, each), data, as_of) for each in (champion, version)
    )
    return gate.grade_flips(grades.flips(before, after, edges), budget, champion)


def decided(
    decision: str,
    version: ModelVersion,
    champion: ModelVersion | None,
    reason: str,
    checks: Sequence[Check] = (),
    accepted_by: str | None = None,
) -> None:
    """Record a decision, its conditions first, and carry it out.

    The same version refused again for the same reason is no new decision.
    """
    earlier = _decisions(version.name)
    row: dict[str, Any] = {
        "family": version.name,
        "decision": decision,
        "model_version": str(version.version),
        "configuration": version.tags["configuration"],
        "previous_version": str(champion.version) if champion else None,
        "bench_run_id": version.tags["bench_run_id"],
        "reason": reason,
        "accepted_by": accepted_by,
    }
    logger.info("%s version %s: %s (%s)", version.name, version.version, decision, reason)
    if decision == "refused" and earlier and row.items() <= earlier[0].items():
        return
    # the same for a decision that a kill kept from being recorded: its conditions are replaced
    row["decision_id"] = tracking.fingerprint(decision=row, place=len(earlier))
    row["decided_at"] = tracking.now()
    common = {k: row[k] for k in ("decision_id", "decided_at", "family", "model_version")}
    if checks:
        told = [common | asdict(check) for check in checks]
        lake.replace(GATE_CHECKS, told, f"decision_id = '{row['decision_id']}'")
    lake.append(PROMOTIONS, [row])
    tracking.tag_version(version, _tags(decision, reason, checks))
    if decision in MOVES:
        carry_out(row)


def carry_out(row: Mapping[str, Any]) -> None:
    """Let the registry follow a recorded decision; done twice it is as done once."""
    name, number = row["family"], row["model_version"]
    version = tracking.client().get_model_version(name, number)
    if row["decision"] == "promoted" and row["previous_version"]:
        before = tracking.client().get_model_version(name, row["previous_version"])
        if grades.kept(before):
            tracking.tag_version(version, {grades.EDGES: before.tags[grades.EDGES]})
    tracking.crown(name, number)
    if row["decision"] == "rolled_back":
        export(name)
    tracking.tag_version(version, {DONE: row["decision_id"]})


def settle(name: str) -> dict[str, Any] | None:
    """Bring the newest decision to its end where a kill, or a hand on the alias, kept it from it.

    Returns:
        The decision, if something was left to do.
    """
    moves = [d for d in _decisions(name) if d["decision"] in MOVES]
    if not moves or moves[0]["decision_id"] is None:  # null: of a time that kept no ids
        return None
    row = moves[0]
    champion = tracking.champion(name)
    stands = str(champion.version) == row["model_version"] if champion else False
    if champion and stands and champion.tags.get(DONE) == row["decision_id"]:
        return None
    logger.warning(
        "%s: the alias stands at version %s, the last decision (%s) says %s: carried out",
        name,
        champion.version if champion else None,
        row["decision"],
        row["model_version"],
    )
    carry_out(row)
    return row


def export(name: str) -> None:
    """Land the champion's answers again of the newest day of which any were landed."""
    of = family(name)
    days = predict.days(of)
    champion = tracking.champion(name)
    if not days or champion is None:
        logger.info("%s: nothing was landed that could be landed again", name)
        return
    if max(days) < dt.date.fromisoformat(champion.tags["as_of"]):
        logger.info("%s: the newest answers, of %s, are older than the champion", name, max(days))
        return
    landed = predict.predict(name, max(days), predict.size_asked(of, max(days)))
    logger.info("%s: %s tells version %s's answers now", name, landed.batch_id, champion.version)


def _tags(decision: str, reason: str, checks: Sequence[Check]) -> dict[str, str]:
    """What the registry shows of a decision: of each condition the worst outcome, with numbers."""
    told = {"gate": decision, "gate.reason": reason[:5_000]}
    for check in sorted(checks, key=lambda c: c.outcome != "refused", reverse=True):
        told[f"gate.{check.condition}"] = f"{check.outcome}: {check.reason}"[:5_000]
    return told


def _decisions(name: str, condition: str = "true") -> list[dict[str, Any]]:
    """A family's decisions, the newest first, about versions that are in the registry.

    A registry that was made anew counts from 1 again: its version 2 is not the one that was
    decided about once. A version is known by its number and the bench that judged it.
    """
    if not lake.exists(PROMOTIONS.name):
        return []
    asked = f"select * from t where family = '{name}' and {condition}"  # noqa: S608
    found = lake.read(PROMOTIONS.name, sql=f"{asked} order by decided_at desc").to_pylist()
    there = {(str(v.version), v.tags.get("bench_run_id")) for v in tracking.versions(name)}
    return [
        {"decision_id": None, "accepted_by": None, **row}
        for row in found
        if (row["model_version"], row["bench_run_id"]) in there
    ]


def _taken_back(version: ModelVersion) -> dict[str, Any] | None:
    taken = f"previous_version = '{version.version}' and decision = 'rolled_back'"
    return next(iter(_decisions(version.name, taken)), None)


def main(
    family: Annotated[FamilyName, typer.Argument(help="what is asked of the models")],
    rollback_because: Annotated[
        str | None, typer.Option("--rollback", help="go back to the champion before; the reason")
    ] = None,
    accept_because: Annotated[
        str | None,
        typer.Option("--accept", help="take over a version that waits for a person; the reason"),
    ] = None,
    by: Annotated[str | None, typer.Option(help="who accepts")] = None,
) -> None:
    command.tell_facts()
    if (accept_because is None) != (by is None):
        raise typer.BadParameter("--accept and --by go together: why it is taken over, and by whom")
    if rollback_because is not None and by is not None:
        raise typer.BadParameter("--rollback goes back, --accept goes on: give one of them")
    if accept_because is not None and by is not None:
        promote(family, Accepted(by, accept_because))
    elif rollback_because is not None:
        rollback(family, rollback_because)
    else:
        promote(family)


if __name__ == "__main__":
    command.run(main)
