"""Who is this customer: one row of scores.account_360 in words, on one screen or as a page.

python -m jobs.customer 900                   on the terminal
python -m jobs.customer 900 --html 900.html   as HTML without a script

No name and no address: the tables to the right of bronze have none. What is not known is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jobs import command, lake
from jobs.pages.html import render

TABLE, IDENTITIES, HELD = "scores.account_360", "silver.account_identities", "ops.crm_holdout"
SCORES = {  # how a score's columns begin → what is expected
    "churn": ("Leaving", "churn_chance", "{:.0%} chance of no order in the next four weeks"),
    "soft_churn": (
        "Spending less",
        "soft_churn_chance",
        "{:.0%} chance of an order and less than half of the usual spend in the next four weeks",
    ),
    "offer": ("Answer", "offer_chance", "{:.0%} chance of a coupon of campaign {campaign} used"),
    "value": ("Worth", "value_usd", "{:,.2f} USD in the next eight weeks"),
}
WHO = {
    "age_band": "age {}",
    "income_band": "income {}",
    "home_ownership": "home: {}",
    "marital_status": "{}",
    "household_size": "{} in the household",
    "household_composition": "{}",
    "kids_count": "children: {}",
}
LIKES = {
    "Departments": "favourite_departments",
    "Brands": "favourite_brands",
    "Makers": "favourite_manufacturer_ids",
    "Shops": "favourite_store_ids",
    "Days": "favourite_weekdays",
    "Buys most often": "preferred_products",
}
SHARES = {
    "discount_share": "{:.0%} of the shelf price was not paid",
    "discounted_line_share": "{:.0%} of the lines had a discount",
    "coupon_share": "a maker's coupon on {:.0%} of the order days",
    "private_label_share": "{:.0%} of spend on goods is own label",
}

Row = Mapping[str, Any]
Line = tuple[str, str]  # what, and what is said of it


class NoSuchCustomer(Exception):
    """There is no customer of that number, or no table yet."""


@dataclass(frozen=True)
class Part:
    """A paragraph of the page."""

    title: str
    lines: Sequence[Line]


def page(account_id: str) -> tuple[str, list[Part]]:
    """What is known of a customer: a line above all, and the parts.

    Raises:
        NoSuchCustomer: it is none, or another one's account.
    """
    row = _row(account_id)
    parts = [
        Part("Who", who(row)),
        Part("Buys", buys(row)),
        Part("Price", [("", _said(row, SHARES))]),
        Part("Likes", [(what, "; ".join(row[name])) for what, name in LIKES.items()]),
        Part("Campaigns", campaigns(row)),
        Part("Expected, and why", expected(row)),
        Part("What next", what_next(row)),
        Part("In the CRMs", [*held_out(account_id), *deliveries(row)]),
    ]
    told = [Part(p.title, [line for line in p.lines if line[1]]) for p in parts]
    day = f"as known on {row['as_of_date']}" if row["as_of_date"] else "before the first sale"
    return f"Customer {account_id}, {day}", [part for part in told if part.lines]


def _row(account_id: str) -> Row:
    build = "`.venv/bin/python -m jobs.spark.build +scores.account_360` builds it"
    if not lake.exists(TABLE):
        raise NoSuchCustomer(f"{TABLE} is not there yet: {build}")
    of = lake.one_of("account_id", [account_id])
    if found := lake.read(TABLE, sql=f"select * from t where {of}").to_pylist():  # noqa: S608
        row: Row = found[0]
        return row
    if lake.exists(IDENTITIES):
        asked = f"select customer_id from t where {of} and customer_id <> account_id"  # noqa: S608
        if others := lake.read(IDENTITIES, sql=asked)["customer_id"].to_pylist():
            raise NoSuchCustomer(f"account {account_id} is customer {others[0]}'s: ask for that")
    raise NoSuchCustomer(f"{TABLE} has no customer {account_id!r}; if they are new, {build}")


def who(row: Row) -> list[Line]:
    consent = "may be addressed"
    if not row["is_in_crm"]:
        consent = "not in the CRM: may not be addressed"
    elif not row["is_contactable"]:
        since = f" since {row['objected_date']}" if row["objected_date"] else ""
        consent = f"objects to marketing{since}: no score is shown"
    accounts = command.number(row["accounts"], "account", "accounts")
    return [
        ("Consent", consent),
        ("Told", _said(row, WHO) or "nothing of them"),
        ("Kind", _kind(row)),
        ("Identity", f"{accounts} found to be this customer" if row["accounts"] > 1 else ""),
    ]


def _kind(row: Row) -> str:
    if row["segment_name"] is None:
        return ""
    return f"{row['segment_name']}; holds until {row['segment_valid_until']}"


def buys(row: Row) -> list[Line]:
    if not row["orders"]:
        return [("", "never bought")]
    orders = command.number(row["orders"], "order", "orders")
    days = command.number(row["recency_days"], "day", "days")
    gap = row["days_between_orders"]
    every = f", {gap:g} days between order days" if gap is not None else ""
    late = (
        f"{row['orders_12_weeks']:,} orders, {_usd(row['spend_12_weeks_usd'])}; in the 12 weeks "
        f"before {row['orders_12_weeks_before']:,}, {_usd(row['spend_12_weeks_before_usd'])}"
    )
    return [
        ("Orders", f"{orders} from {row['first_order_date']} to {row['last_order_date']}{every}"),
        ("Last order", f"{days} before {row['as_of_date']}"),
        ("Spent", f"{_usd(row['spend_usd'])}, of it {_usd(row['fuel_spend_usd'])} fuel"),
        ("Basket", f"{_usd(row['basket_usd'])}, {row['basket_lines']:g} lines"),
        (f"12 weeks to {row['week_end_date']}" if row["week_end_date"] else "", late),
        ("Trend", _said(row, {"order_trend": "orders {}", "spend_trend": "spend {}"})),
    ]


def campaigns(row: Row) -> list[Line]:
    """None where no campaign and no coupon was."""
    if not (row["campaigns_received"] or row["coupons_redeemed"]):
        return []
    by_type = [
        f"{each['campaign_type'] or 'type not told'}: {each['received']} received, "
        f"{each['answered']} answered, {each['coupons_used']} of {each['coupons_offered']} coupons"
        for each in row["campaigns_by_type"]
    ]
    rates = {
        "campaign_answer_rate": "{:.0%} of those received were answered",
        "coupon_use_rate": "{:.1%} of the coupons offered were used",
    }
    counts = f"{row['campaigns_received']} received, {row['campaigns_answered']} of any answered"
    coupons = f"{row['coupons_offered']:,} offered, {row['coupons_redeemed']:,} of any redeemed"
    return [
        ("Campaigns", counts),
        ("Coupons", coupons),
        ("Rates", _said(row, rates)),
        ("By type", "; ".join(by_type)),
    ]


def expected(row: Row) -> list[Line]:
    found: list[Line] = []
    for name, (what, score, words) in SCORES.items():
        if row[score] is not None:
            told = words.format(row[score], campaign=row["offer_campaign_id"])
            graded = f"grade {row[f'{name}_grade']}, {row[f'{name}_trend']}"
            found.append((what, f"{told}: {graded}; holds until {row[f'{name}_valid_until']}"))
            found += [("  because", each["text"]) for each in row[f"{name}_reasons"]]
    rests = [("Told by", "; ".join(row["rests_on"]))]
    return found + rests if found else [("", "no score holds")]


def what_next(row: Row) -> list[Line]:
    """Products, and the action with why; or why there is none."""
    graded = f"grade {row['next_products_grade']}, {row['next_products_trend']}"
    until = f"holds until {row['next_products_valid_until']}"
    found: list[Line] = [("Offer", product) for product in row["next_products"]]
    found += [("The list", f"{graded}; {until}")] if found else []
    if row["action_text"]:
        found += [
            ("To do", f"{row['action_text']} ({row['action_channel']})"),
            ("  due", f"{row['action_due_date']}"),
            ("  worth", f"{_usd(row['action_expected_usd'])}, by a share that is assumed"),
        ]
    else:
        found.append(("To do", row["action"] or "no action was decided that holds"))
    return found + [("  because", each["text"]) for each in row["action_reasons"]]


def deliveries(row: Row) -> list[Line]:
    found = []
    for each in row["last_deliveries"]:
        why = f", {each['reason']}" if each["reason"] else ""
        told = f"{each['event']} {each['event_at']:%Y-%m-%d %H:%M} UTC{why}"
        if each["cleared_for"]:
            told += f"; ours was taken back: {each['cleared_for']}"
        if each["written_at"] and each["written_at"] != each["event_at"]:
            told += f"; last written {each['written_at']:%Y-%m-%d %H:%M} UTC"
        found.append((each["connection"], told))
    return found or [("", "nothing was delivered of this customer")]


def held_out(account_id: str) -> list[Line]:
    """Experiments that keep scores from the customer, to measure what they do."""
    if not lake.exists(HELD):
        return []
    of = f"arm = 'held' and {lake.one_of('account_id', [account_id])}"
    asked = f"select experiment from t where {of}"  # noqa: S608 quoted
    names = sorted(str(name) for name in lake.read(HELD, sql=asked)["experiment"].to_pylist())
    return [("Held out", f"{name}: is shown no score while it runs") for name in names]


def _usd(amount: Any) -> str:
    return f"{amount:,.2f} USD"


def _said(row: Row, words: Mapping[str, str]) -> str:
    """What is known, in words."""
    return ", ".join(text.format(row[n]) for n, text in words.items() if row[n] is not None)


def show(title: str, parts: Sequence[Part], console: Console) -> None:
    """The page on a terminal."""
    console.print(f"[bold]{escape(title)}[/bold]")
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for part in parts:
        for n, (what, told) in enumerate(part.lines):
            head = "" if n else f"[bold]{escape(part.title)}[/bold]"
            table.add_row(head, escape(what), escape(told))
    console.print(table)


def main(
    account: Annotated[str, typer.Argument(help="account_id", show_default=False)],
    html: Annotated[
        Path | None, typer.Option(help="write a page there, in place of telling it here")
    ] = None,
) -> None:
    """Everything about one customer: who, how they buy, what is expected, why, and what next."""
    title, parts = page(account)
    if html is None:
        show(title, parts, Console(highlight=False))
        return
    html.write_text(render("customer.html", title=title, parts=parts))
    typer.echo(f"file://{html.resolve()}")


if __name__ == "__main__":
    command.run(main)
