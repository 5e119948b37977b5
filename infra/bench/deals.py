"""A synthetic pipeline of opportunities of which the true chances are known: all of it is made up.

Salespeople, customers and sources of known skill, stages with known hazards of a week, an expected
close that is put off. What will become of an opportunity is told by running it on from where it
stands, many times.
"""

import datetime as dt
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from jobs.training.propensity import closing
from jobs.training.propensity.classifier import chances

FIRST = pd.Timestamp("2021-01-04")  # a Monday
WEEKS, ASKED = 208, (129, 155)  # weeks of the file, and those on whose last evening is asked
HORIZON_WEEKS = 13
STAGES = ("prospect", "qualified", "proposal", "negotiation", "contract")
SOURCES = {"referral": 0.5, "event": 0.2, "web": 0.0, "partner": -0.2, "list": -0.5}
OWNERS, ACCOUNTS = 24, 600
# log-odds by stage of a week's end or move
LOSES = np.array([-3.0, -3.3, -3.4, -3.6, -3.8])
WINS = np.array([-30.0, -30.0, -4.5, -2.8, -1.4])  # never from the first two
ADVANCES = np.array([-1.7, -1.6, -1.7, -1.6, -30.0])
DRAWS, LONGEST = 2_000, 104  # futures of each opportunity, and weeks of them


@dataclass
class Deals:
    """N opportunities, each where it stands; a week moves them on."""

    number: np.ndarray  # its place among all
    quality: np.ndarray  # log-odds of salesperson, customer, source and amount together
    stage: np.ndarray
    weeks: np.ndarray  # in its stage
    pushes: np.ndarray
    backs: np.ndarray
    ahead: np.ndarray  # weeks to its expected close
    end: np.ndarray  # 0 open, 1 won, 2 lost

    def some(self, at: np.ndarray) -> "Deals":
        return Deals(*(getattr(self, one.name)[at] for one in fields(self)))

    @classmethod
    def together(cls, parts: list["Deals"]) -> "Deals":
        return cls(*(np.concatenate([getattr(p, one.name) for p in parts]) for one in fields(cls)))

    def week(self, chance: np.random.Generator) -> None:
        """One week on: it is lost, won, moved on or back, or its close is put off."""
        count = len(self.stage)
        stale = np.minimum(self.weeks / 6, 2.0)
        worth = self.quality - 0.35 * np.minimum(self.pushes, 4) - 0.4 * self.backs
        loses = chances(LOSES[self.stage] - 0.6 * worth + 0.3 * stale)
        wins = chances(WINS[self.stage] + 0.6 * worth - 0.2 * stale)
        advances = chances(ADVANCES[self.stage] + 0.4 * worth - 0.3 * stale)
        falls = np.where(self.stage > 0, chances(-4 + 0.4 * stale), 0.0)
        edges = np.cumsum(np.stack([loses, wins, advances, falls]), axis=0)
        what = (chance.random(count) > edges).sum(axis=0)  # 4: nothing
        self.end = np.select([what == 0, what == 1], [2, 1], 0)
        step = np.select([what == 2, what == 3], [1, -1], 0)
        self.stage = self.stage + step
        self.weeks = np.where(step != 0, 0, self.weeks + 1)
        self.backs = self.backs + (step < 0)
        self.ahead = self.ahead - 1
        puts_off = (self.end == 0) & (self.ahead <= 1) & (chance.random(count) < 0.7)
        self.ahead = self.ahead + puts_off * chance.integers(4, 9, count)
        self.pushes = self.pushes + puts_off


@dataclass
class Company:
    """Who sells what to whom; all made up."""

    weekly: int  # opportunities that are opened in a week, on average
    seed: int = 0

    def __post_init__(self) -> None:
        self.chance = np.random.default_rng(self.seed)
        self.skill = self.chance.normal(0, 0.5, OWNERS)
        self.likes = self.chance.normal(0, 0.4, ACCOUNTS)
        self.opened = 0  # opportunities so far

    def run(self) -> tuple[pd.DataFrame, dict[int, Deals]]:
        """Every change, and where the open ones stood at the end of the weeks that are ASKED."""
        here, whose = self._opened()
        known, parts, stood = [whose], [_rows(here, 0, self.chance)], {}
        for week in range(1, WEEKS):
            before = here.some(np.arange(len(here.stage)))
            here.week(self.chance)
            moved = (before.stage != here.stage) | (here.end > 0) | (before.pushes != here.pushes)
            parts.append(_rows(here.some(moved), week, self.chance))
            opened, whose = self._opened()
            known.append(whose)
            parts.append(_rows(opened, week, self.chance))
            here = Deals.together([here.some(here.end == 0), opened])
            if week in ASKED:
                stood[week] = here.some(np.arange(len(here.stage)))
        return _told(pd.concat(parts), pd.concat(known, ignore_index=True)), stood

    def _opened(self) -> tuple[Deals, pd.DataFrame]:
        """A week's new opportunities, and whose they are."""
        chance, new = self.chance, int(self.chance.poisson(self.weekly))
        owner, account, source = (
            chance.integers(n, size=new) for n in (OWNERS, ACCOUNTS, len(SOURCES))
        )
        size = chance.normal(0, 1, new)
        effect = np.array(list(SOURCES.values()))[source]
        quality = self.skill[owner] + self.likes[account] + effect - 0.25 * size
        ahead = np.maximum(chance.lognormal(2.5, 0.3, new).round().astype(int), 2)
        none = np.zeros(new, int)
        number = np.arange(self.opened, self.opened + new)
        self.opened += new
        whose = {"owner": owner, "account": account, "source": source}
        whose["amount_usd"] = np.exp(9.5 + size).round(-2)
        return Deals(number, quality, none, none, none, none, ahead, none), pd.DataFrame(whose)


def _rows(deals: Deals, week: int, chance: np.random.Generator) -> pd.DataFrame:
    """What is written down of them in a week, at office hours of some day."""
    count = len(deals.stage)
    hours = 24 * chance.integers(0, 7, count) + chance.integers(8, 18, count)
    start = FIRST + pd.Timedelta(weeks=week)
    told = {
        "number": deals.number,
        "changed_at": start + pd.to_timedelta(hours, unit="h"),
        "stage": np.array(STAGES)[deals.stage],
        "status": np.array(["open", "won", "lost"])[deals.end],
        "expected_close_date": start + pd.to_timedelta(7 * deals.ahead + 6, unit="D"),
    }
    return pd.DataFrame(told)


def _told(rows: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """As a CRM's export has it; every id says that it is synthetic."""
    of = known.loc[rows["number"]].reset_index(drop=True)
    rows = rows.reset_index(drop=True)
    named = {
        "opportunity_id": identified(rows["number"]),
        "owner_id": [f"synthetic salesperson {n:02}" for n in of["owner"]],
        "account_id": [f"synthetic customer {n:03}" for n in of["account"]],
        "source": np.array(list(SOURCES))[of["source"]],
        "amount_usd": of["amount_usd"],
    }
    found = rows.assign(**named).drop(columns="number")
    return found.sort_values(["opportunity_id", "changed_at"], kind="stable", ignore_index=True)


def identified(numbers: np.ndarray | pd.Series) -> list[str]:
    return [f"synthetic {n:05}" for n in numbers]


def evening(week: int) -> dt.date:
    """The last day of a week."""
    return (FIRST + pd.Timedelta(days=7 * week + 6)).date()


def truth(stood: Deals, week: int, draws: int = DRAWS) -> pd.DataFrame:
    """What will become of each, by running the generator on, so many times, from where it stands.

    Returns:
        opportunity_id, origin, p (won in the horizon), and close_days as the bench writes them.
    """
    chance = np.random.default_rng(1)
    count = len(stood.stage)
    of = np.repeat(np.arange(count), draws)
    alive = np.arange(len(of))
    deals = stood.some(of)
    days = np.full(len(of), 7 * LONGEST)
    won = np.zeros(len(of), bool)
    for later in range(1, LONGEST + 1):
        deals.week(chance)
        ended = deals.end > 0
        days[alive[ended]] = 7 * later - chance.integers(0, 7, int(ended.sum()))
        if later <= HORIZON_WEEKS:
            won[alive[deals.end == 1]] = True
        alive, deals = alive[~ended], deals.some(~ended)
    told = np.quantile(days.reshape(count, draws), (closing.MIDDLE, closing.LO, closing.HI), axis=1)
    found = dict(zip(("close_days", "close_days_lo", "close_days_hi"), told, strict=True))
    p = won.reshape(count, draws).mean(axis=1)
    ids = identified(stood.number)
    return pd.DataFrame({"opportunity_id": ids, "origin": evening(week), "p": p, **found})
