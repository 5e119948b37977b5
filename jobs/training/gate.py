"""The conditions under which a version may become champion, each with its numbers.

Pure: numbers in, `Check`s out. Their limits stand in mlflow/models.yaml; what is asked of whom, and
why some conditions do not apply to a family, in docs/registry.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mlflow.entities.model_registry import ModelVersion

from jobs.training.family import Changes
from jobs.training.grades import Flips
from jobs.training.rules import Rules

# told: a number that is shown and stops nobody; accepted: refused, and a person took it over
Outcome = Literal["passed", "refused", "accepted", "told", "does not apply"]

# refused by these a version waits for a person; what they say is no fault of a model
FOR_A_PERSON = ("moved_by_refit", "same_groups", "names_hold", "steady")


@dataclass(frozen=True)
class Leakage:
    """Limits of the probes in probes.py."""

    auc: float  # .5 to 1; a single column that tells the label better than this knows it
    gain_share: float  # 0 to 1; of a tree model's gain, what one column may bring alone
    shuffled_gain: float  # 0 to 1; of the gain over the naive, what may be left without labels


@dataclass(frozen=True)
class Budget:
    """How many accounts may see another grade, shares of those whom both versions score."""

    flips: float
    two_step_flips: float


@dataclass(frozen=True)
class Exposure:
    """What no group of accounts may fall behind."""

    ratio: float  # of a group's exposure to that of all others in the same column
    accounts: int  # a smaller group is told of only
    columns: tuple[str, ...]  # of silver.accounts


@dataclass(frozen=True)
class Fairness:
    """How wrong the chances of a group may be."""

    gap: float  # of mean chance and share that happened, either way, 0 to 1
    accounts: int  # a smaller group is told of only
    columns: tuple[str, ...]  # of silver.accounts


@dataclass(frozen=True)
class Refit:
    """What a version of groups may change without a person."""

    moved: float  # share of accounts that it alone puts elsewhere than the champion


@dataclass(frozen=True)
class Gate:
    """A family's conditions: the `gate` of mlflow/models.yaml."""

    beats_baseline: bool | Literal["mean"]
    beats_champion: bool
    within: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # metric → limits
    leakage: Leakage | None = None
    grades: Budget | None = None
    exposure: Exposure | None = None
    fairness: Fairness | None = None
    refit: Refit | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Gate":
        """Raises TypeError where a condition is unknown or lacks a limit."""
        kinds = {
            "leakage": Leakage,
            "grades": Budget,
            "exposure": Exposure,
            "fairness": Fairness,
            "refit": Refit,
        }
        return cls(**{k: kinds[k](**v) if k in kinds else v for k, v in told.items()})


@dataclass(frozen=True)
class Check:
    """One condition: what was measured, its limits, and what follows."""

    condition: str
    outcome: Outcome
    reason: str
    subject: str | None = None  # group or table; null: the version
    value: float | None = None
    value_low: float | None = None
    value_high: float | None = None
    limit_low: float | None = None
    limit_high: float | None = None
    subjects: int | None = None


def verdict(passed: bool) -> Outcome:
    return "passed" if passed else "refused"


def passes(checks: Sequence[Check]) -> bool:
    """Whether no condition stands against the version."""
    return all(check.outcome != "refused" for check in checks)


def accepted(checks: Sequence[Check]) -> list[Check]:
    """What waits for a person, taken over by one; where anything else refuses, all stays so."""
    if any(c.outcome == "refused" and c.condition not in FOR_A_PERSON for c in checks):
        return list(checks)
    return [replace(c, outcome="accepted") if c.outcome == "refused" else c for c in checks]


def in_words(checks: Sequence[Check]) -> str:
    """Every condition in one line, what refuses first; groups that are only told of are counted."""
    refused = [c.reason for c in checks if c.outcome in ("refused", "accepted")]
    others = [c.reason for c in checks if c.outcome in ("passed", "told") and not c.subject]
    fair = [c for c in checks if c.condition == "fairness" and c.outcome in ("passed", "told")]
    if fair:
        widest = max(fair, key=lambda c: abs(c.value or 0.0))
        others.append(f"chances of {len(fair)} groups, the farthest off: {widest.reason}")
    groups = [c for c in checks if c.condition == "exposure" and c.outcome in ("passed", "told")]
    lowest = min(groups, key=lambda c: c.value or 0.0, default=None)
    if lowest:
        others.append(f"exposure of {len(groups)} groups, the lowest: {lowest.reason}")
    return "; ".join([*refused, *others])


def learnt_no_less(version: ModelVersion, champion: ModelVersion | None) -> Check:
    """A version fitted as of a day long past, to look at what was known then, is no successor."""
    told = f"learnt up to {version.tags['as_of']}"
    if champion is None or version.tags["as_of"] >= champion.tags["as_of"]:
        return Check("learnt_no_less", "passed", told)
    return Check(
        "learnt_no_less",
        "refused",
        f"{told} only, champion version {champion.version} up to {champion.tags['as_of']}",
    )


def not_taken_back(version: ModelVersion, rollback: Mapping[str, Any] | None) -> Check:
    """What a person has taken back stays so: a new version must be trained.

    Args:
        rollback: the row of ops.promotions that took it back; null: none did.
    """
    if rollback is None:
        return Check("not_taken_back", "passed", "never rolled back")
    return Check(
        "not_taken_back",
        "refused",
        f"version {version.version} was rolled back on {rollback['decided_at']:%Y-%m-%d}"
        f" ({rollback['reason']}): train another one",
    )


def is_better(low: float, high: float, by: Rules) -> bool:
    """Whether a paired difference lies on the better side of 0 with its whole interval."""
    return low > 0 if by.better == "higher" else high < 0


def beats_baseline(row: Mapping[str, Any], by: Rules, wanted: bool | Literal["mean"]) -> Check:
    """Against the naive configuration, on the bench's test split."""
    naive = f"baseline {row['baseline']}"
    if not wanted:
        return Check("beats_baseline", "does not apply", f"{naive} is not asked about")
    return _compared("beats_baseline", row, "difference", naive, by, on_mean=wanted == "mean")


def beats_champion(
    row: Mapping[str, Any], by: Rules, wanted: bool, champion: ModelVersion | None
) -> Check:
    """Against the champion's configuration on the same rows; its own refit is let through."""
    name = "beats_champion"
    if champion is None:
        return Check(name, "does not apply", "there is no champion")
    if champion.tags["configuration"] == row["configuration"]:
        return Check(name, "passed", f"same configuration as champion version {champion.version}")
    if not wanted:
        return Check(name, "does not apply", "the champion is not asked about")
    what = f"champion version {champion.version}"
    if row["champion"] != champion.tags["configuration"]:
        return Check(name, "refused", f"{what} was not in this bench")
    return _compared(name, row, "champion_difference", f"{what} {row['champion']}", by)


def _compared(
    condition: str,
    row: Mapping[str, Any],
    column: str,
    other: str,
    by: Rules,
    on_mean: bool = False,
) -> Check:
    value, low, high = row[column], row[f"{column}_low"], row[f"{column}_high"]
    passed = is_better(value, value, by) if on_mean else is_better(low, high, by)
    verb = ("beats" if passed else "does not beat") + (" on the mean" if on_mean else "")
    reason = f"{verb} {other}: {by.metric} {value:+.4f} ({low:+.4f} .. {high:+.4f})"
    is_higher = by.better == "higher"
    return Check(
        condition,
        verdict(passed),
        reason,
        value=value,
        value_low=low,
        value_high=high,
        limit_low=0.0 if is_higher else None,
        limit_high=None if is_higher else 0.0,
        subjects=row.get("subjects"),
    )


def within(row: Mapping[str, Any], limits: tuple[float, float]) -> Check:
    """A metric of the test split against its limits: refused where its interval lies outside.

    Args:
        row: the leaderboard's row of that metric.
    """
    low, high = limits
    passed = row["value_high"] >= low and row["value_low"] <= high
    told = f"{row['value']:.3f} ({row['value_low']:.3f} .. {row['value_high']:.3f})"
    reason = f"{row['metric']} {told} {'meets' if passed else 'is past'} {low:g} .. {high:g}"
    return Check(
        f"within_{row['metric']}",
        verdict(passed),
        reason,
        value=row["value"],
        value_low=row["value_low"],
        value_high=row["value_high"],
        limit_low=low,
        limit_high=high,
        subjects=row["subjects"],
    )


def grade_flips(found: Flips, budget: Budget, champion: ModelVersion) -> list[Check]:
    """Accounts whose grade the challenger changes; a share of all, so it has no interval."""
    asked = (
        ("grade_flips", found.any, budget.flips, "another grade than"),
        ("two_step_grade_flips", found.two_steps, budget.two_step_flips, "two grades from that of"),
    )
    return [
        Check(
            condition,
            verdict(share <= limit),
            f"{share:.1%} of {found.accounts:,} accounts have {what} champion version"
            f" {champion.version}, at most {limit:.0%} may",
            value=share,
            limit_high=limit,
            subjects=found.accounts,
        )
        for condition, share, limit, what in asked
    ]


def refit(found: Changes, limits: Refit, champion: ModelVersion | None) -> list[Check]:
    """What a version of groups would change, and whether they are groups to work with."""
    steady = "; ".join(found.unsteady)
    checks = [
        Check("steady", verdict(not steady), steady or "groups agree when they are made again"),
        _none_of("names_hold", found.worn, "segments that their names' rules no longer fit"),
    ]
    if champion is None or found.moved is None:
        reason = "there is no champion that anybody could be moved from"
        return [*checks, *(Check(c, "does not apply", reason) for c in FOR_A_PERSON[:2])]
    moved = Check(
        "moved_by_refit",
        verdict(found.moved <= limits.moved),
        f"{found.moved:.1%} of {found.accounts:,} accounts are put elsewhere than by champion"
        f" version {champion.version}, at most {limits.moved:.0%} may",
        value=found.moved,
        limit_high=limits.moved,
        subjects=found.accounts,
    )
    others = [f"no more: {', '.join(found.gone)}"] if found.gone else []
    others += [f"not there before: {', '.join(found.new)}"] if found.new else []
    return [moved, _none_of("same_groups", others, "segments"), *checks]


def _none_of(condition: str, faults: Sequence[str], what: str) -> Check:
    told = f"{what}: {', '.join(faults) or 'none'}"
    return Check(condition, verdict(not faults), told, value=len(faults), limit_high=0)
