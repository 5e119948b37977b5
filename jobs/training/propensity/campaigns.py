"""Anyone's files of campaigns: which there were, whom they reached, coupons, and who used them."""

import datetime as dt
import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jobs.reviewed import near
from jobs.training import given, transactions
from jobs.training.given import BadFile

logger = logging.getLogger(__name__)

# column → type, and the names that other public files have for it
CAMPAIGNS = {"campaign_id": "varchar", "starts_on": "date", "ends_on": "date"}
RECIPIENTS = {"account_id": "varchar", "campaign_id": "varchar"}
COUPONS = {"coupon_id": "varchar", "campaign_id": "varchar", "product_id": "varchar"}
REDEMPTIONS = {"account_id": "varchar", "campaign_id": "varchar", "redeemed_on": "date"}
KIND = "campaign_type"  # may be missing
ALSO_CALLED = {
    "account_id": transactions.ALSO_CALLED["account_id"],
    "starts_on": ("start_date", "start_day"),
    "ends_on": ("end_date", "end_day"),
    "coupon_id": ("coupon_upc", "coupon_code"),
    "redeemed_on": ("redemption_date", "redeemed_at", "day"),
    KIND: ("description", "type"),
}


@dataclass(frozen=True)
class Files:
    """Where they are; null: not told."""

    campaigns: Path
    recipients: Path
    coupons: Path | None = None
    redemptions: Path | None = None


@dataclass(frozen=True)
class Campaigns:
    """What the files say, ids as text, rows without repeats."""

    campaigns: pd.DataFrame  # campaign_id, starts_on, ends_on, campaign_type
    recipients: pd.DataFrame  # account_id, campaign_id
    coupons: pd.DataFrame  # coupon_id, campaign_id, product_id
    redemptions: pd.DataFrame  # account_id, campaign_id, redeemed_on

    def answers(self, by: dt.date) -> pd.DataFrame:
        """Recipients and campaigns of which a coupon was used by a day, before the campaign ended.

        Who was not addressed and used one that was handed on is none.
        """
        used = self.redemptions[self.redemptions["redeemed_on"] <= pd.Timestamp(by)]
        used = used.merge(self.campaigns[["campaign_id", "ends_on", KIND]], on="campaign_id")
        used = used[used["redeemed_on"] <= used["ends_on"]]
        used = used.merge(self.recipients.drop_duplicates(), on=["account_id", "campaign_id"])
        return used[["account_id", "campaign_id", KIND]].drop_duplicates(ignore_index=True)

    def ended(self, by: dt.date) -> pd.DataFrame:
        """Campaigns whose last day was that day or before."""
        return self.campaigns[self.campaigns["ends_on"] <= pd.Timestamp(by)]

    def received(self) -> pd.DataFrame:
        """account_id, campaign_id, starts_on: whom each campaign reached."""
        return self.recipients.merge(self.campaigns[["campaign_id", "starts_on"]], on="campaign_id")

    def starts_on(self, campaign_id: str, file: Path) -> dt.date:
        """A campaign's first day.

        Args:
            file: of the campaigns.

        Raises:
            BadFile: there is no such campaign.
        """
        found = self.campaigns.loc[self.campaigns["campaign_id"] == campaign_id, "starts_on"]
        if found.empty:
            known = self.campaigns["campaign_id"].tolist()
            raise BadFile(f"campaign {campaign_id}: {file} has none; {near(campaign_id, known)}")
        day: dt.date = found.iloc[0].date()
        return day


def tell_unknown(theirs: pd.Series, ours: pd.Series, lines: Path) -> None:
    """Say how many ids of campaigns no line has.

    Raises:
        BadFile: that is all of them.
    """
    what = f"{theirs.name}s that campaigns name"
    _refuse_strangers(theirs, ours, what, f"have no line in {lines}")


def _refuse_strangers(theirs: pd.Series, ours: pd.Series, what: str, where: str) -> None:
    asked, known = theirs.dropna().unique(), set(ours.astype(str))
    unknown = [one for one in asked if one not in known]
    if not unknown:
        return
    said = (
        f"{len(unknown)} of {len(asked)} {what}, such as {unknown[0]!r}, {where}, where they are"
        f" such as {min(known, default='none')!r}"
    )
    if len(unknown) == len(asked):
        raise BadFile(f"{said}: write them alike in all files")
    logger.warning(said)


def read(files: Files) -> Campaigns:
    """The files, each with its columns under our names.

    Raises:
        BadFile: one cannot be read, lacks a column, or no campaign is left.
    """
    campaigns = _table(files.campaigns, CAMPAIGNS, KIND)
    if KIND not in campaigns:
        campaigns[KIND] = "any"
    if campaigns.empty:
        raise BadFile(f"{files.campaigns} has no row with a campaign_id, a start and an end")
    if campaigns["campaign_id"].duplicated().any():
        twice = campaigns.loc[campaigns["campaign_id"].duplicated(), "campaign_id"].iloc[0]
        raise BadFile(f"{files.campaigns}: campaign {twice} is there twice, with other days")
    found = Campaigns(
        campaigns,
        _table(files.recipients, RECIPIENTS),
        _table(files.coupons, COUPONS),
        _table(files.redemptions, REDEMPTIONS),
    )
    if found.recipients.empty:
        raise BadFile(f"{files.recipients} has no row with an account_id and a campaign_id")
    ours = campaigns["campaign_id"]
    for path, told in (
        (files.recipients, found.recipients),
        (files.coupons, found.coupons),
        (files.redemptions, found.redemptions),
    ):
        _refuse_strangers(
            told["campaign_id"], ours, f"campaigns of {path}", f"are not in {files.campaigns}"
        )
    return found


def _table(path: Path | None, needed: dict[str, str], more: str | None = None) -> pd.DataFrame:
    """Columns of a file, without repeated rows; empty where there is no file."""
    if path is None:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in needed})
    called = given.named(path, needed, [more] if more else [], ALSO_CALLED)
    kinds = {called[name]: kind for name, kind in needed.items()}
    rows = given.rows(path, kinds, is_text=True)
    with given.reading(path):
        found = rows.df()
    found = found.rename(columns={theirs: ours for ours, theirs in called.items()})
    kept = [*needed, *([more] if more in found else [])]
    for name, kind in needed.items():
        if kind == "date":
            found[name] = pd.to_datetime(found[name])
    return found[kept].drop_duplicates(ignore_index=True)
