"""Which segment of a refit is which of before, so that ids and names stay; and who moved.

Both are asked about the same accounts on the same day: the segments of before answer for everyone
of today, so nobody's past has to be kept, and no segment loses its members before it is compared.
"""

import datetime as dt

import pandas as pd
from scipy.optimize import linear_sum_assignment

SHARED = 0.5  # of the members of one of the two: below it they are not the same segment

MOVEMENT = ("from_id", "from_code", "to_id", "to_code", "accounts", "week")


def matched(before: pd.Series, after: pd.Series) -> dict[int, int]:
    """New group → the id of the segment that it is; a group that is none of before is not there.

    One to one, such that as many accounts as can be keep their segment.

    Args:
        before: the id that the segments of before give each account today; null: none.
        after: the group that the refit gives it; null: none. The same index.
    """
    both = before.notna() & after.notna()
    shared = pd.crosstab(after[both].astype(int), before[both].astype(int))
    rows, columns = linear_sum_assignment(-shared.to_numpy())
    found = {}
    for row, column in zip(rows, columns, strict=True):
        members = shared.iloc[row, column]
        smaller = min(shared.iloc[row].sum(), shared.iloc[:, column].sum())
        if members >= SHARED * smaller and members:
            found[int(shared.index[row])] = int(shared.columns[column])
    return found


def kept_share(last: pd.Series, before: pd.Series, after: pd.Series) -> pd.Series:
    """1 where an unchanged account keeps its segment over a refit, else 0; by account.

    Unchanged is whom the segments of before put today where they put it a week ago: so what moves
    it now is the refit, and nothing that it did.

    Args:
        last: id a week ago, by the segments of before.
        before: id today, by the same segments.
        after: id today, by the refit.
    """
    ids = last.index.intersection(before.index)
    same = last[ids].notna() & (last[ids] == before[ids]).fillna(False)
    unchanged = ids[same.to_numpy(bool)]
    return (after[unchanged] == before[unchanged]).fillna(False).astype(float)


def movement(last: pd.DataFrame, now: pd.DataFrame, week: dt.date) -> pd.DataFrame:
    """How many accounts went from which segment to which: a row for each pair that has some.

    Null on the left: they were in no segment before, or did not exist; on the right: they are in
    none any more.

    Args:
        last: by account, segment_id and segment_code; now: the same.
        week: the last day of the week at whose end `now` is.
    """
    columns = ["segment_id", "segment_code"]
    both = last[columns].join(now[columns], how="outer", lsuffix="_from", rsuffix="_to")
    both.columns = pd.Index(MOVEMENT[:4])
    count = both.groupby(list(MOVEMENT[:4]), dropna=False, as_index=False).size()
    found = count.rename(columns={"size": "accounts"}).assign(week=pd.Timestamp(week))
    told = found["from_id"].notna() | found["to_id"].notna()
    return found.loc[told, list(MOVEMENT)].sort_values(["from_id", "to_id"], ignore_index=True)


def fresh_ids(groups: int, taken: dict[int, int], last_id: int) -> tuple[int, ...]:
    """The id of each group: its matched one, else one that no segment ever had."""
    new = iter(range(last_id + 1, last_id + 1 + groups))
    return tuple(taken[group] if group in taken else next(new) for group in range(groups))
