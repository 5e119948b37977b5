"""Move the alias `champion` through the gate of mlflow/models.yaml, or back.

`python -m jobs.training.promote recommenders`
"""

import logging
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from mlflow.entities.model_registry import ModelVersion

from jobs import command, lake
from jobs.ops.promotions import TABLE as PROMOTIONS
from jobs.training import tracking
from jobs.training.bench import Rules, rules
from jobs.training.family import FamilyName

logger = logging.getLogger(__name__)


class CannotPromote(Exception):
    """There is nothing to promote, or nothing to go back to."""


def test_row(version: ModelVersion, by: Rules) -> dict[str, Any]:
    """The leaderboard's test row of the configuration that a version was fitted with.

    Raises:
        CannotPromote: its bench did not judge it.
    """
    found: list[dict[str, Any]] = lake.read(
        "ops.leaderboard",
        sql=f"select * from t where bench_run_id = '{version.tags['bench_run_id']}'"  # noqa: S608
        f" and configuration = '{version.tags['configuration']}' and split = 'test'"
        f" and task = '{by.task}' and metric = '{by.metric}'",
    ).to_pylist()
    if not found:
        raise CannotPromote(
            f"{version.name} version {version.version}: bench {version.tags['bench_run_id']} has no"
            f" test row of {version.tags['configuration']}; run the bench, then train"
        )
    return found[0]


def is_better(low: float, high: float, by: Rules) -> bool:
    """Whether a paired difference lies on the better side of 0 with its whole interval."""
    return low > 0 if by.better == "higher" else high < 0


def gate(row: Mapping[str, Any], by: Rules, champion: ModelVersion | None) -> tuple[bool, str]:
    """Whether a configuration may become champion, and every rule's numbers."""
    verdicts = []
    if wanted := by.gate["beats_baseline"]:
        naive = f"baseline {row['baseline']}"
        verdicts.append(_compared(row, "difference", naive, by, on_mean=wanted == "mean"))
    if champion is None:
        verdicts.append((True, "there is no champion"))
    elif champion.tags["configuration"] == row["configuration"]:
        verdicts.append((True, f"same configuration as champion version {champion.version}"))
    elif by.gate["beats_champion"]:
        if row["champion"] != champion.tags["configuration"]:
            verdicts.append((False, f"champion version {champion.version} was not in this bench"))
        else:
            what = f"champion version {champion.version} {row['champion']}"
            verdicts.append(_compared(row, "champion_difference", what, by))
    return all(passed for passed, _ in verdicts), "; ".join(reason for _, reason in verdicts)


def _compared(
    row: Mapping[str, Any], column: str, other: str, by: Rules, on_mean: bool = False
) -> tuple[bool, str]:
    value, low, high = row[column], row[f"{column}_low"], row[f"{column}_high"]
    passed = is_better(value, value, by) if on_mean else is_better(low, high, by)
    verb = ("beats" if passed else "does not beat") + (" on the mean" if on_mean else "")
    return passed, f"{verb} {other}: {by.metric} {value:+.4f} ({low:+.4f} .. {high:+.4f})"


def _newer(version: ModelVersion, champion: ModelVersion | None) -> tuple[bool, str]:
    """Whether a version has not learnt from less than the champion: one fitted as of a day long
    past, to look at what was known then, has."""
    if champion is None or version.tags["as_of"] >= champion.tags["as_of"]:
        return True, f"learnt up to {version.tags['as_of']}"
    return False, (
        f"learnt up to {version.tags['as_of']} only, champion version {champion.version} up to"
        f" {champion.tags['as_of']}"
    )


def promote(name: str) -> str:
    """Look at the newest version and move the alias if the gate lets it.

    Returns:
        The decision: promoted, refused or unchanged.

    Raises:
        CannotPromote: no version is registered.
    """
    by, version = rules(name), tracking.newest_version(name)
    if version is None:
        raise CannotPromote(
            f"no version of {name} is registered; run `python -m jobs.training.train {name}`"
        )
    champion = tracking.champion(name)
    if champion and champion.version == version.version:
        logger.info("%s: version %s is the champion already", name, version.version)
        return "unchanged"
    verdicts = (_newer(version, champion), gate(test_row(version, by), by, champion))
    passed, reason = all(ok for ok, _ in verdicts), "; ".join(why for _, why in verdicts)
    decision = "promoted" if passed else "refused"
    _record(decision, version, champion, reason)
    if passed:
        tracking.crown(name, version.version)
    return decision


def rollback(name: str, reason: str) -> str:
    """Give the alias back to the version that the present champion once took it from.

    Rollbacks do not count: after one, the next goes one further back, never forth again.

    Returns:
        The version that is champion now.

    Raises:
        CannotPromote: there was no champion before.
    """
    champion = tracking.champion(name)
    found = (
        lake.read(
            "ops.promotions",
            sql=f"select previous_version from t where family = '{name}'"  # noqa: S608
            f" and model_version = '{champion.version}' and decision = 'promoted'"
            " order by decided_at desc limit 1",
        ).to_pylist()
        if champion and lake.exists("ops.promotions")
        else []
    )
    before = found[0]["previous_version"] if found else None
    if champion is None or before is None:
        raise CannotPromote(f"{name}: there was no champion before the present one")
    version = tracking.client().get_model_version(name, before)
    _record("rolled_back", version, champion, reason)
    tracking.crown(name, before)
    return str(before)


def _record(
    decision: str, version: ModelVersion, champion: ModelVersion | None, reason: str
) -> None:
    """Written before the alias moves: a kill in between leaves a decision without effect, and a
    second `promote` takes it again."""
    row = {
        "decided_at": tracking.now(),
        "family": version.name,
        "decision": decision,
        "model_version": str(version.version),
        "configuration": version.tags["configuration"],
        "previous_version": str(champion.version) if champion else None,
        "bench_run_id": version.tags["bench_run_id"],
        "reason": reason,
    }
    lake.append(PROMOTIONS, [row])
    logger.info("%s version %s: %s (%s)", version.name, version.version, decision, reason)


def main(
    family: Annotated[FamilyName, typer.Argument(help="what is asked of the models")],
    rollback_because: Annotated[
        str | None, typer.Option("--rollback", help="go back to the champion before; the reason")
    ] = None,
) -> None:
    command.tell_facts()
    if rollback_because is not None:
        rollback(family, rollback_because)
    else:
        promote(family)


if __name__ == "__main__":
    command.run(main)
