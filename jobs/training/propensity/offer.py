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

from jobs.training.data import known_by
from jobs.training.propensity.campaigns import KIND, Campaigns
from jobs.training.propensity.classifier import Examples, Rows, as_often, together
from jobs.training.propensity.features import features
from jobs.training.propensity.panel import panel
from jobs.training.propensity.task import Asked, NothingToAsk

HISTORY_DAYS = 28  # of purchases before the first campaign that is learnt from
FEWEST_ANSWERS = 30  # of a campaign that others are held against
PRIOR = 10.0  # recipients, by which a rate of few is drawn to the rate of all
RECENT_DAYS = 84  # of purchases of a campaign's products


Recipients = tuple[np.ndarray, Rows, np.ndarray]  # ids, what is known of them, who answered


def among(features: pd.DataFrame) -> pd.DataFrame:
    """Each value as its rank among those that the same campaign addresses, 0..1.

    Counts grow through a history and campaigns address other kinds of customers: an order among
    those who are asked is what one campaign teaches of another.
    """
    return (features.rank() - 0.5) / max(len(features), 1)


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
        told = features(known).assign(
            **self._habit(ids, found, as_of), **self._match(ids, campaign_id, as_of)
        )
        told = among(told).assign(**self._of_campaign(found, len(ids), as_of)).astype(np.float32)
        answers = self.told.answers(found["ends_on"].date())
        answered = answers.loc[answers["campaign_id"] == campaign_id, "account_id"]
        label = np.isin(ids, answered).astype(int)
        return ids, Rows(told, known.weekly), label

    def _of_campaign(self, found: pd.Series, recipients: int, as_of: dt.date) -> dict[str, float]:
        """What is known of the campaign itself; how campaigns of its type were answered before."""
        coupons = self.told.coupons[self.told.coupons["campaign_id"] == found["campaign_id"]]
        rates = self._answers(as_of)
        of_type = rates[rates[KIND] == found[KIND]]
        overall = rates["answered"].sum() / max(rates["received"].sum(), 1)
        received = of_type["received"].sum()
        return {
            "campaign_days": float((found["ends_on"] - found["starts_on"]).days + 1),
            "campaign_recipients": float(recipients),
            "campaign_coupons": float(coupons["coupon_id"].nunique()),
            "campaign_products": float(coupons["product_id"].nunique()),
            "campaign_type_answered_share": float(
                (of_type["answered"].sum() + PRIOR * overall) / (received + PRIOR)
            ),
        }

    def _answers(self, as_of: dt.date) -> pd.DataFrame:
        """Campaigns that had ended: how many received and answered them."""
        ended = self.told.ended(as_of)
        by = self.told.recipients.drop_duplicates().groupby("campaign_id").size()
        answers = self.told.answers(as_of).groupby("campaign_id").size()
        received = ended["campaign_id"].map(by).fillna(0)
        answered = ended["campaign_id"].map(answers).fillna(0)
        return ended.assign(received=received, answered=answered)

    def _habit(self, ids: np.ndarray, found: pd.Series, as_of: dt.date) -> dict[str, np.ndarray]:
        """What each did with campaigns before; those that run still count by what was used."""
        day = pd.Timestamp(as_of)
        started = self.told.campaigns[self.told.campaigns["starts_on"] <= day]
        got = self.told.recipients.merge(started, on="campaign_id")
        used = self.told.redemptions[self.told.redemptions["redeemed_on"] <= day]
        answers = self.told.answers(as_of)

        def count(rows: pd.DataFrame) -> np.ndarray:
            sizes = rows.groupby("account_id").size()
            values: np.ndarray = sizes.reindex(ids, fill_value=0).to_numpy(float)
            return values

        last = used.groupby("account_id")["redeemed_on"].max().reindex(ids)
        since = (day - last).dt.days.fillna(2 * 365).to_numpy(float)
        received, answered = count(got), count(answers)
        overall = len(answers) / max(len(got), 1)
        same = {
            "received": count(got[got[KIND] == found[KIND]]),
            "answered": count(answers[answers[KIND] == found[KIND]]),
        }
        return {
            "campaigns_received": received,
            "campaigns_answered": answered,
            "answered_share": (answered + PRIOR * overall) / (received + PRIOR),
            "campaigns_running": count(got[got["ends_on"] > day]),
            "campaigns_of_type_received": same["received"],
            "campaigns_of_type_answered": same["answered"],
            "coupons_redeemed": count(used),
            "days_since_redemption": since,
        }

    def _match(self, ids: np.ndarray, campaign_id: str, as_of: dt.date) -> dict[str, np.ndarray]:
        """How much of what the coupons are for an account has bought before."""
        coupons = self.told.coupons[self.told.coupons["campaign_id"] == campaign_id]
        day = pd.Timestamp(as_of)
        rows = known_by(self.purchases, as_of)
        rows = rows[rows["account_id"].isin(ids)]
        total = rows.groupby("account_id", observed=True)["sales_usd"].sum().reindex(ids)
        rows = rows[rows["product_id"].isin(coupons["product_id"].unique())]
        recent = rows[rows["business_date"] > day - pd.Timedelta(days=RECENT_DAYS)]
        by_coupon = (
            rows[["account_id", "product_id"]]
            .drop_duplicates()
            .merge(coupons[["coupon_id", "product_id"]].drop_duplicates(), on="product_id")
        )

        def of_each(values: pd.Series) -> np.ndarray:
            found: np.ndarray = values.reindex(ids, fill_value=0).to_numpy(float)
            return found

        def products(part: pd.DataFrame) -> np.ndarray:
            return of_each(part.groupby("account_id", observed=True)["product_id"].nunique())

        spend = of_each(rows.groupby("account_id", observed=True)["sales_usd"].sum())
        return {
            "coupon_products_bought": products(rows),
            "coupon_products_bought_12_weeks": products(recent),
            "coupons_matched": of_each(
                by_coupon.groupby("account_id", observed=True)["coupon_id"].nunique()
            ),
            "coupon_products_spend_usd": spend,
            "coupon_products_spend_share": spend / np.maximum(total.fillna(0).to_numpy(), 1),
        }
