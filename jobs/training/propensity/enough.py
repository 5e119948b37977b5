"""How much a pipeline must hold before its opportunities are scored: below it, nothing is said.

Vendors have such a rule too (docs/win.md cites them): so many won and so many lost in two years,
each seen while it was open. A score that rests on less is a guess that looks like a number.
"""

import datetime as dt

import pandas as pd

from jobs.training.propensity.pipeline import OPEN, STATUS, Pipeline, evening

FEWEST = {"won": 40, "lost": 40}  # opportunities, of those that count
MONTHS = 24  # before the origin, in which they were closed
LEAST_DAYS = 2  # open, as the file has seen it: less was written down when it was over
HORIZONS = 2  # of history before the origin: one to learn in, one to see how it went


def missing(of: Pipeline, origin: dt.date, horizon_days: int) -> list[str]:
    """What is too little on the evening of an origin, and how much; empty: it is enough."""
    standing = of.standing(origin)
    ended = standing[standing[STATUS] != OPEN]
    since = evening(origin) - pd.DateOffset(months=MONTHS)
    lately = ended[ended["status_since"] >= since]
    seen = (lately["status_since"] - lately["opened_at"]).dt.days >= LEAST_DAYS
    found = []
    for status, fewest in FEWEST.items():
        count = int((lately.loc[seen, STATUS] == status).sum())
        if count < fewest:
            unseen = int((lately.loc[~seen, STATUS] == status).sum())
            but = f"; {unseen} more were not seen open for {LEAST_DAYS} days" if unseen else ""
            found.append(f"{fewest - count} more {status} ({count} of {fewest}{but})")
    history, needed = (origin - of.first).days, HORIZONS * horizon_days
    if history < needed:
        found.append(f"{needed - history} more days of history ({history} of {needed})")
    return found
