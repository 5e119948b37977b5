"""offer: an account that a campaign addresses will redeem one of its coupons before it ends.

The campaign that is asked about is the first to start on the origin or in the days of the horizon
after it; what is known is what was known at the origin, and at the latest on the evening before it
starts. Examples are the recipients of every campaign that had ended by then, each as of the evening
before its own start.
"""

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from jobs.training.propensity.campaigns import Campaigns
from jobs.training.propensity.classifier import Examples, Rows, as_often, together
from jobs.training.propensity.offer_features import features
from jobs.training.propensity.panel import panel
from jobs.training.propensity.task import Asked, NothingToAsk

HISTORY_DAYS = 28  # of purchases before the first campaign that is learnt from
FEWEST_ANSWERS = 30  # of a campaign that others are held against


Recipients = tuple[np.ndarray, Rows, np.ndarray]  # ids, what is known of them, who answered


@dataclass
class Offer:
    """Of account days and purchases (see `transactions`), and campaigns."""

    days: pd.DataFrame
    purchases: pd.DataFrame  # see `transactions.purchases`
    told: Campaigns
    horizon_days: int = 28
    name: str = "offer"
    subject: str = "account_id"
    without: tuple[str, ...] = ()
    baseline: str = "answered_share"
    # a campaign reaches other kinds of customers than the one before: its slope says little of the
    # next (`python -m infra.bench.propensity_choice`)
    spread: float = 0.05
    # by campaign, and day as of which
    seen: dict[tuple[str, dt.date], Recipients | None] = field(default_factory=dict)

    @cached_property
    def first(self) -> pd.Timestamp:
        return self.days["business_date"].min()

    def asked(self, origin: dt.date) -> Asked:
        ids = self._soon(origin)["campaign_id"]
        found = {str(one): part for one in ids if (part := self._of(str(one), origin)) is not None}
        parts = list(found.values())
        if not parts:
            raise NothingToAsk(
                f"{origin}: no campaign with recipients starts in the {self.horizon_days} days"
                " after it; take an origin just before one starts, or a longer horizon"
            )
        # an account that several campaigns address at once is asked about the first of them
        first = pd.concat([pd.Series(ids, name="id") for ids, _, _ in parts], ignore_index=True)
        once = ~first.duplicated().to_numpy()
        about = np.repeat(list(found), [len(ids) for ids, _, _ in parts])
        order = np.argsort(first[once].to_numpy(), kind="stable")
        features = pd.concat([rows.features for _, rows, _ in parts], ignore_index=True)
        weekly = np.concatenate([rows.weekly for _, rows, _ in parts])
        answered = np.concatenate([label for _, _, label in parts])[once][order]
        rows = Rows(features[once].iloc[order].reset_index(drop=True), weekly[once][order])
        asked = self.told.campaigns[self.told.campaigns["campaign_id"].isin(ids)]
        is_over = self.days["business_date"].max() >= asked["ends_on"].max()
        label = answered if is_over else None
        return Asked(first[once].to_numpy()[order], rows, label, about[once][order])

    def _soon(self, origin: dt.date) -> pd.DataFrame:
        """The campaigns that are asked about: the first to start, of several on a day all."""
        after, told = pd.Timestamp(origin), self.told.campaigns
        starts = told["starts_on"]
        soon = starts[(starts >= after) & (starts <= after + self._horizon)]
        return told[starts == soon.min()]

    def came(self, asked: Asked, origin: dt.date, by: dt.date) -> np.ndarray | None:
        # an answer is known on its day; see `Campaigns.answers`
        is_over = bool((self._soon(origin)["ends_on"] <= pd.Timestamp(by)).all())
        return asked.label if is_over else None

    @property
    def _horizon(self) -> pd.Timedelta:
        return pd.Timedelta(days=self.horizon_days)

    def examples(self, origin: dt.date) -> Examples:
        known = self._learnable(origin)
        parts = [self._of(one, origin) for one in known["campaign_id"]]
        kept = [as_often(part[1], part[2]) for part in parts if part and part[2].any()]
        if not any((one.label == 0).any() for one in kept):
            raise NothingToAsk(
                f"{origin}: of the {len(known)} campaigns that had ended, with {HISTORY_DAYS} days"
                " of purchases before their start, none was answered by some only: take a later"
                " origin"
            )
        return together(kept)

    def _learnable(self, origin: dt.date) -> pd.DataFrame:
        ended = self.told.ended(self._eve_of_asked(origin))
        begun = self.first + pd.Timedelta(days=HISTORY_DAYS)
        return ended[ended["starts_on"] >= begun].sort_values(["starts_on", "campaign_id"])

    def _eve_of_asked(self, origin: dt.date) -> dt.date:
        """What is asked at an origin is asked on the evening before the campaign starts, if that
        is earlier: a campaign may start on the origin itself."""
        starts = self.told.campaigns["starts_on"]
        is_today = bool((starts == pd.Timestamp(origin)).any())
        return origin - dt.timedelta(days=1) if is_today else origin

    def before(self, origin: dt.date) -> dt.date | None:
        known = self._learnable(origin)
        counts = self.told.answers(origin).groupby("campaign_id").size()
        fit = known[known["campaign_id"].map(counts).fillna(0) >= FEWEST_ANSWERS]
        newest_first = fit.sort_values("ends_on")["starts_on"].iloc[::-1]
        eves = [(start - pd.Timedelta(days=1)).date() for start in newest_first]
        # others that start beside it are asked about too, and may run still
        over = set(self.told.ended(self._eve_of_asked(origin))["campaign_id"])
        return next((eve for eve in eves if set(self._soon(eve)["campaign_id"]) <= over), None)

    def _of(self, campaign_id: str, origin: dt.date) -> Recipients | None:
        """Recipients of a campaign, as of an origin or, if that is earlier, the evening before its
        start; and who answered."""
        rows = self.told.campaigns
        found = rows[rows["campaign_id"] == campaign_id].iloc[0]
        as_of = min((pd.Timestamp(found["starts_on"]) - pd.Timedelta(days=1)).date(), origin)
        if (campaign_id, as_of) not in self.seen:
            self.seen[campaign_id, as_of] = self._looked_up(found, as_of)
        return self.seen[campaign_id, as_of]

    def _looked_up(self, found: pd.Series, as_of: dt.date) -> Recipients | None:
        campaign_id = str(found["campaign_id"])
        given = self.told.recipients
        ids = np.sort(given.loc[given["campaign_id"] == campaign_id, "account_id"].unique())
        if not len(ids):
            return None
        known = panel(self.days, as_of, ids)
        told = features(known, self.purchases, self.told, found, as_of)
        answers = self.told.answers(found["ends_on"].date())
        answered = answers.loc[answers["campaign_id"] == campaign_id, "account_id"]
        return ids, Rows(told, known.weekly), np.isin(ids, answered).astype(int)
