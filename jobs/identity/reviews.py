"""Pairs of accounts that a person should decide on, with what is known of them behind a mask."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from jobs import lake
from jobs.identity.decisions import Pair, decided

SHOWN = ("display_name", "email", "phone", "street", "postal_code", "age_band")
OPEN_TO_ALL = ("age_band",)  # says of nobody who it is


@dataclass(frozen=True)
class Review:
    """Two accounts, why they may be one customer, and why a person is asked."""

    account_id_a: str
    account_id_b: str
    score_bits: float
    evidence: tuple[str, ...]
    because: str

    @property
    def ids(self) -> Pair:
        return frozenset((self.account_id_a, self.account_id_b))


def reviews() -> list[Review]:
    """The surest first: pairs in doubt, and pairs that match while their customers contradict.

    Raises:
        lake.NoSuchTable: the tables have not been created.
    """
    identities = lake.read("silver.account_identities", sql="select account_id, customer_id from t")
    customer = dict(
        zip(*(identities[c].to_pylist() for c in ("account_id", "customer_id")), strict=True)
    )
    found = [
        Review(
            account_id_a=row["account_id_a"],
            account_id_b=row["account_id_b"],
            score_bits=row["score_bits"],
            evidence=tuple(row["evidence"]),
            because="in doubt" if row["rule"] == "review" else "others of its customer differ",
        )
        for row in lake.read("silver.account_matches").to_pylist()
        if customer.get(row["account_id_a"]) != customer.get(row["account_id_b"])
    ]
    spoken = decided()
    return sorted((r for r in found if r.ids not in spoken), key=lambda r: -r.score_bits)


def told(accounts: Collection[str], is_masked: bool) -> dict[str, Mapping[str, str]]:
    """What the CRM said last of each account."""
    if not accounts:
        return {}
    names, mine = ", ".join(SHOWN), lake.one_of("account_id", accounts)
    # the order of silver.accounts: what was compared is what is shown
    order = "as_of_date, _known_at, _batch_id, _source_file, _row_number"
    asked = f"select account_id, {names} from t where {mine} order by {order}"  # noqa: S608
    rows = lake.read("bronze.accounts", sql=asked).to_pylist()
    return {
        row["account_id"]: {
            name: mask(row[name]) if is_masked and name not in OPEN_TO_ALL else row[name]
            for name in SHOWN
            if row[name]
        }
        for row in rows
    }


def mask(text: str) -> str:
    """First letter or last digit of each word, so that two can be told apart and nobody known."""
    return "".join(c if not c.isalnum() or _is_shown(text, n) else "*" for n, c in enumerate(text))


def _is_shown(text: str, at: int) -> bool:
    if text[at].isdigit():
        return not text[at + 1 : at + 2].isdigit()
    return not text[at - 1 : at].isalpha()
