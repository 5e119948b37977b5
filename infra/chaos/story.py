"""What happens in one run, all of it drawn by its seed: customers, values, edits, a fault."""

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from infra.chaos.crms import PLACES, Crm, text
from infra.sandbox.dialects import named
from infra.sandbox.faults import KINDS, NAMES_A_WAIT, Fault
from tests.delivery import outbox

LEAST, MOST = 2000, 5000  # customers
OLDER = 0.4  # of runs follow a delivery
SAME = 0.4  # of customers have the values that they had
ASKED = 0.8  # of customers have a score of their own of a kind, or a segment; others have none
TODAY = outbox.AS_OF - dt.timedelta(days=7)
# A column of ours in the outbox, or several; how it becomes a text; whose the field is
COLUMNS: Mapping[str, tuple[Sequence[str], str, str]] = {
    "next_products": (["next_products"], "lines", "if_ours"),
    "next_action": (["next_products"], "first", "if_ours"),
    "recency_band": (["recency_band"], "as_is", "if_ours"),
    "spend_band": (["spend_band"], "as_is", "if_ours"),
    "last_order_date": (["last_order_date"], "as_is", "always"),
    "score_name": (["score_name"], "as_is", "always"),
    "score": (["score"], "as_is", "always"),
    "grade": (["grade"], "as_is", "if_ours"),
    "trend": (["trend"], "as_is", "if_ours"),
    "reasons": (["reasons"], "texts", "if_ours"),
    "churn_grade": (["churn_grade"], "as_is", "if_ours"),
    "churn_trend": (["churn_trend"], "as_is", "if_ours"),
    "churn_chance": (["churn_chance"], "as_is", "always"),
    "churn_reasons": (["churn_reasons"], "texts", "if_ours"),
    "offer_campaign_id": (["offer_campaign_id"], "as_is", "always"),
    "offer_grade": (["offer_grade"], "as_is", "if_ours"),
    "offer_chance": (["offer_chance"], "as_is", "always"),
    "value_usd": (["value_usd"], "as_is", "always"),
    "value_grade": (["value_grade"], "as_is", "if_ours"),
    "segment_name": (["segment_name"], "as_is", "if_ours"),
    "as_of_date": (["as_of_date"], "as_is", "always"),
    "valid_until": (["valid_until"], "as_is", "always"),
    "model_version": (["model_name", "model_version"], "words", "always"),
}
PLAIN_OWN_SCORES = (
    *("churn_grade", "churn_trend", "churn_chance", "offer_campaign_id", "offer_grade"),
    *("offer_chance", "value_usd", "value_grade"),
)
BANDS = ("this week", "this month", "this quarter", "longer ago")
SPENDS = ("none", "low", "medium", "high")
TRENDS = ("improving", "steady", "declining")
WORDS = ('=1+1 "so called"', "Crème fraîche, 8 OZ", "牛奶, 一加仑", "-5% off; today", "@home's <b>")

Rows = list[dict[str, Any]]

# Beside the wire's own faults: what happens to the process that applies
OWN = ("kill_before", "kill_after", "two_at_once")
REFUSALS = ("paused", "altered_items", "altered_plan", "superseded")


@dataclass(frozen=True)
class Moment:
    """A person's edit while the plan is being sent."""

    at: Literal["before", "after"]  # the server has the write request
    n: int  # of write requests, as they come
    is_of_it: bool  # at one of the records in it, else at any
    field: Literal["hand", "other"]


@dataclass(frozen=True)
class Story:
    """One run."""

    seed: int
    crm: str
    records: int
    mode: str
    has_history: bool  # a delivery before, of other values
    kind: str  # of the fault
    on: int  # which of the requests that fit meets it
    is_at_write: bool
    refusal: str
    early: tuple[str, ...]  # customers edited before the plan
    late: tuple[str, ...]  # edited between plan and apply
    moments: tuple[Moment, ...]
    bad: frozenset[str]
    missing: frozenset[str]  # in the outbox, not in the CRM
    gone: frozenset[str]  # in the first outbox only
    bulk_from: int

    @cached_property
    def customers(self) -> list[str]:
        return [f"C{n}" for n in range(1, self.records + 1)]

    @cached_property
    def bystanders(self) -> list[str]:
        """Customers of the CRM that are in no outbox."""
        return [f"B{n}" for n in range(1, self.records // 30 + 2)]

    @property
    def present(self) -> list[str]:
        return [c for c in self.customers if c not in self.missing] + self.bystanders

    @property
    def fault(self) -> list[Fault]:
        """Of the wire."""
        if self.kind in OWN or self.kind == "none":
            return []
        chance = random.Random(f"{self.seed} fault")
        wait = chance.choice((None, 1.0, 2.0)) if self.kind in NAMES_A_WAIT else None
        seconds = round(chance.uniform(0.1, 3.0), 2)
        return [Fault(self.kind, (self.on,), self.is_at_write, "", seconds, wait)]  # type: ignore[arg-type]


def drawn(seed: int, crm: Crm, records: int | None = None) -> Story:
    """The story of a seed at a CRM; null: as many customers as the seed says."""
    chance = random.Random(f"{seed} {crm.name}")
    n = chance.randint(LEAST, MOST)
    n = records or n
    customers = [f"C{number}" for number in range(1, n + 1)]
    chance.shuffle(customers)
    parts = iter(customers)

    def take(count: int) -> list[str]:
        return [next(parts) for _ in range(count)]

    lacks = named(crm.name).lacks | (set() if crm.restart else {"restart"})
    kind = chance.choice([*(kind for kind in KINDS if kind not in lacks), *OWN])
    bulk_from = chance.choice((50, 2000, 10**9))
    mode = chance.choice(("create", "update_only"))
    has_history = chance.random() < OLDER
    writes = 3 if crm.name == "salesforce" and n >= bulk_from else max(2, n // crm.batch)
    # results that are joined by key may be a read's
    is_at_write = kind in {"partial", "locked"} or (kind != "reordered" and chance.random() < 0.75)
    return Story(
        seed=seed,
        crm=crm.name,
        records=n,
        mode=mode,
        has_history=has_history,
        kind=kind,
        on=chance.randint(1, min(writes, 12) if is_at_write or kind in OWN else 6),
        is_at_write=is_at_write,
        refusal=chance.choice(REFUSALS),
        early=tuple(take(3)),
        late=tuple(take(2)),
        moments=tuple(
            Moment(
                at=chance.choice(("before", "after")),
                n=chance.randint(1, writes),
                is_of_it=chance.random() < 0.6,
                field=chance.choice(("hand", "hand", "other")),
            )
            for _ in range(4)
        ),
        bad=frozenset(take(chance.choice((0, 1, 3, 7)))),
        missing=frozenset(take(n // 25)),
        gone=frozenset(take(n // 50) if has_history else ()),
        bulk_from=bulk_from,
    )


def rows(story: Story, crm: Crm) -> tuple[Rows, Rows, Rows]:
    """The outbox of the delivery before, that of this one, and that of the next day."""
    chance = random.Random(f"{story.seed} rows")
    first = {key: _row(key, f"{story.seed}.1", chance) for key in story.customers}
    second = {}
    for key in story.customers:
        is_same = chance.random() < SAME
        second[key] = first[key] if is_same else _row(key, f"{story.seed}.2", chance)
    for key in story.bad:
        second[key] = _row(key, f"{story.seed}.2", chance)
        crm.spoil(second[key])
    before = [row for key, row in first.items() if key not in story.missing]
    now = [row for key, row in second.items() if key not in story.gone]
    return before, now, [_row(row["account_id"], f"{story.seed}.3", chance) for row in now]


def _row(key: str, version: str, chance: random.Random) -> dict[str, Any]:
    products = [f"{chance.choice(WORDS)} ({chance.randint(1, 10**6)})" for _ in range(3)]
    reasons = [chance.choice(WORDS) for _ in range(chance.randint(0, 3))]
    days = chance.randint(0, 200)
    return outbox.row(
        key,
        next_products=products,
        last_order_date=outbox.AS_OF - dt.timedelta(days=days),
        recency_band=chance.choice(BANDS),
        spend_band=chance.choice(SPENDS),
        spend_12_weeks_usd=Decimal(days),
        score=round(chance.random(), PLACES),
        grade=chance.choice("ABCDE"),
        trend=chance.choice(TRENDS),
        reasons=[{"code": "said", "text": reason} for reason in reasons],
        **_own_scores(chance),
        segment_name=chance.choice(WORDS) if chance.random() < ASKED else None,
        model_version=version,
    )


def _own_scores(chance: random.Random) -> dict[str, Any]:
    """What the customer's own scores say; of each that nobody asked for, nothing."""
    churn, offer, value = (chance.random() < ASKED for _ in range(3))
    why = [chance.choice(WORDS) for _ in range(chance.randint(0, 3))]
    return {
        "churn_chance": round(chance.random(), PLACES) if churn else None,
        "churn_grade": chance.choice("ABCDE") if churn else None,
        "churn_trend": chance.choice(TRENDS) if churn else None,
        "churn_reasons": [{"code": "said", "text": each} for each in why] if churn else [],
        "offer_campaign_id": str(chance.randint(1, 30)) if offer else None,
        "offer_chance": round(chance.random(), PLACES) if offer else None,
        "offer_grade": chance.choice("ABCDE") if offer else None,
        "value_usd": round(1000 * chance.random(), 2) if value else None,
        "value_grade": chance.choice("ABCDE") if value else None,
    }


def targets(row: Mapping[str, Any]) -> dict[str, str | None]:
    """What a row wants shown, by column."""
    plain = ("recency_band", "spend_band", "last_order_date", "score_name", "score", "grade")
    names = (*plain, "trend", "segment_name", "as_of_date", "valid_until", *PLAIN_OWN_SCORES)
    told = {name: text(row[name]) for name in names}
    return told | {
        "next_products": text("\n".join(row["next_products"])),
        "next_action": text(row["next_products"][0]),
        "reasons": text("\n".join(reason["text"] for reason in row["reasons"])),
        "churn_reasons": text("\n".join(reason["text"] for reason in row["churn_reasons"])),
        "model_version": f"{row['model_name']} {row['model_version']}",
    }
