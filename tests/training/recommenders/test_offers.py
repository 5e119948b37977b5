"""What each rule takes away, that lists stay long, and that rules are told apart from mistakes."""

import datetime as dt
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
import yaml

from jobs.training.recommenders import offers
from jobs.training.recommenders.facts import Facts
from jobs.training.recommenders.offers import CannotOffer, Rules, filled, offered, refused, rules
from jobs.training.recommenders.repeat import Params, Repeat

AS_OF = dt.date(2017, 6, 25)
TYPES = {"milk": "dairy", "yoghurt": "dairy", "butter": "dairy", "tea": "drinks", "rye": "bread"}


def interactions(rows: list[tuple[str, str, int]]) -> pd.DataFrame:
    """One order of 2 USD per (account, product, days before AS_OF)."""
    frame = pd.DataFrame(rows, columns=["account_id", "product_id", "age"])
    date = pd.Timestamp(AS_OF) - pd.to_timedelta(frame["age"], unit="D")
    return frame.assign(business_date=date, orders=1, sales_usd=2.0).drop(columns="age")


def listed(*without: str) -> pd.DataFrame:
    ids = [product for product in TYPES if product not in without]
    kinds = [TYPES[product] for product in ids]
    frame = pd.DataFrame({"product_id": ids, "product_type": kinds, "product_category": kinds})
    return frame.assign(known_date=pd.Timestamp("1900-01-01"))


def accounts(**contactable: bool | None) -> pd.DataFrame:
    frame = pd.DataFrame({"account_id": ["me", "other"], "is_contactable": [True, True]})
    told = {name: frame["account_id"].map(contactable) for name in ["is_contactable"]}
    return frame if not contactable else frame.assign(**told)


def only(*names: str, **changed: dict[str, object]) -> Rules:
    """These rules of the file, with other values where told so; the others are off."""
    by = rules()
    switched = {
        field.name: replace(
            getattr(by, field.name),
            is_active=field.name in names,
            **changed.get(field.name, {}),
        )
        for field in fields(by)
    }
    return Rules(**switched)


def facts(rows, about=None, products=None, fewest_gaps: int = 2) -> Facts:
    about = accounts() if about is None else about
    products = listed() if products is None else products
    return Facts.of(interactions(rows), about, products, AS_OF, fewest_gaps)


def ranked(*products: str, account: str = "me") -> pd.DataFrame:
    """A list, the best first."""
    place = np.arange(len(products))
    frame = pd.DataFrame({"product_id": products, "rank": place + 1, "score": 9.0 - place})
    return frame.assign(account_id=account, reason_code="x", rung="champion")


def why(rows: pd.DataFrame, known: Facts, by: Rules) -> dict[str, str | None]:
    found = refused(rows, known, by)
    return dict(zip(rows["product_id"], found.where(found.notna(), None), strict=True))


def test_what_the_newest_list_has_no_more_is_not_offered():
    known = facts([("me", "milk", 1)], products=listed("tea"))
    assert why(ranked("tea", "milk"), known, only("in_assortment")) == {
        "tea": "in_assortment",
        "milk": None,
    }


def test_a_list_of_products_that_is_empty_takes_nothing_away():
    known = facts([("me", "milk", 1)], products=listed(*TYPES))
    assert why(ranked("tea"), known, only("in_assortment")) == {"tea": None}


def test_what_lasts_beyond_the_list_is_not_offered():
    # milk is bought every 10 days, tea every 60; both were bought 5 days ago, tea by me only
    rows = [(who, "milk", age) for who in ("me", "other") for age in (5, 15, 25)]
    rows += [("me", "tea", 5), ("other", "tea", 20), ("other", "tea", 80), ("other", "tea", 140)]
    by = only("replenishment", replenishment={"ahead_days": 7})
    assert why(ranked("milk", "tea"), facts(rows), by) == {"milk": None, "tea": "replenishment"}
    # who has bought it 53 days ago needs it within the seven days
    late = [("me", "tea", 53), *[row for row in rows if row[:2] != ("me", "tea")]]
    assert why(ranked("tea"), facts(late), by) == {"tea": None}


def test_a_product_too_rarely_bought_twice_takes_the_time_of_its_type_or_none():
    # butter was bought again once; dairy three times: 10, 10 and 40 days
    rows = [("other", "milk", age) for age in (0, 10, 20)] + [("me", "butter", 1)]
    rows += [("other", "butter", 40), ("other", "butter", 0), ("me", "rye", 1)]
    found = facts(rows).gap_days
    assert found.to_dict() == {"milk": 10, "butter": 10}
    by = only("replenishment", replenishment={"ahead_days": 2})
    answer = why(ranked("butter", "rye"), facts(rows), by)
    assert answer == {"butter": "replenishment", "rye": None}


def test_a_category_has_so_many_places_and_what_has_none_as_many_as_it_likes():
    products = listed()
    products.loc[products["product_id"].isin(["tea", "rye"]), "product_category"] = None
    by = only("per_category", per_category={"most": 2})
    found = why(ranked("tea", "milk", "rye", "butter", "yoghurt"), facts([], products=products), by)
    assert found == dict.fromkeys(TYPES, None) | {"yoghurt": "per_category"}


def test_a_row_refused_before_takes_no_place_of_its_category():
    known = facts([], products=listed("milk"))
    by = only("in_assortment", "per_category", per_category={"most": 1})
    found = why(ranked("milk", "butter", "yoghurt"), known, by)
    assert found == {"milk": "in_assortment", "butter": None, "yoghurt": "per_category"}


def test_a_column_that_the_list_lacks_limits_nothing():
    by = only("per_category", per_category={"column": "colour", "most": 1})
    assert set(why(ranked("milk", "butter"), facts([]), by).values()) == {None}


def test_lists_are_asked_for_longer_until_they_are_long_enough():
    known = facts([], products=listed("milk", "yoghurt", "butter"))
    asked = []

    def ask(ids, k):
        asked.append(k)
        whole = ranked(*TYPES)
        return whole[whole["rank"] <= k]

    rows, gone = filled(ask, np.array(["me"]), 1, 5, known, only("in_assortment"))
    assert asked == [3, 5]
    assert rows["product_id"].tolist() == ["tea"]
    # only what stood above the last one offered counts as taken away
    assert gone["product_id"].tolist() == ["milk", "yoghurt", "butter"]


def test_a_catalogue_too_small_gives_a_short_list_and_an_end():
    known = facts([], products=listed("milk"))
    rows, gone = filled(
        lambda ids, k: ranked("milk", "tea"), np.array(["me"]), 4, 2, known, only("in_assortment")
    )
    assert (rows["product_id"].tolist(), gone["product_id"].tolist()) == (["tea"], ["milk"])


def made(by: Rules, about: pd.DataFrame | None = None, size: int = 3, rows=None):
    """Lists of a champion that counts orders, over all products."""
    rows = [("me", p, age) for p in TYPES for age in range(5)] if rows is None else rows
    bought, about = interactions(rows), accounts() if about is None else about
    champion = Repeat(Params()).fit(bought, about, listed(), None, AS_OF)
    catalogue = np.array(sorted(TYPES))
    found, counts = offered(champion, bought, about, listed(), catalogue, AS_OF, size, by)
    return found, {count.code: count for count in counts}


def test_who_may_not_be_contacted_gets_no_list_and_is_counted():
    for said in (False, None):
        rows, counts = made(only("contactable"), accounts(me=True, other=said))
        assert set(rows["account_id"]) == {"me"}
        assert (counts["contactable"].accounts, counts["contactable"].offers) == (1, 3)


def test_accounts_that_tell_nothing_of_contact_are_served_with_a_warning(caplog):
    rows, _ = made(only("contactable"), pd.DataFrame({"account_id": ["me"]}))
    assert len(rows) == 3
    assert "rule contactable is left out" in caplog.text


def test_the_budget_serves_first_places_first():
    # each product costs 2 USD, a tenth of it is .2: the budget reaches for three of six
    by = only("discount_budget", discount_budget={"discount_pct": 10.0, "usd": 0.65})
    rows, counts = made(by)
    assert sorted(zip(rows["account_id"], rows["rank"], strict=True)) == [
        ("me", 1),
        ("me", 2),
        ("other", 1),
    ]
    assert (counts["discount_budget"].accounts, counts["discount_budget"].offers) == (2, 3)


def test_an_offer_costs_its_own_price_or_that_of_its_type_or_the_mean():
    rows = interactions([("me", "milk", 1), ("me", "tea", 1)])
    rows.loc[0, "sales_usd"] = 6.0
    found = Facts.of(rows, accounts(), listed(), AS_OF, 2)
    assert found.price_usd[["milk", "butter", "tea"]].tolist() == [6.0, 6.0, 2.0]
    assert np.isnan(found.price_usd["rye"])
    assert found.price_of_all_usd == 4.0


def test_without_prices_there_is_no_budget_to_use_up():
    bought = interactions([("me", "milk", 1)]).drop(columns="sales_usd")
    assert np.isnan(Facts.of(bought, accounts(), listed(), AS_OF, 2).price_of_all_usd)


def test_a_rare_product_has_the_last_place_and_ranks_and_scores_stay_in_order():
    rows = [("me", p, age) for p in TYPES if p != "rye" for age in range(5)]
    bought = interactions([*rows, ("me", "rye", 1)])
    champion = Repeat(Params()).fit(bought, accounts(), listed(), None, AS_OF)
    common = np.array(sorted(p for p in TYPES if p != "rye"))
    found, counts = offered(
        champion, bought, accounts(), listed(), common, AS_OF, 3, only("rare_products")
    )
    mine = found[found["account_id"] == "me"]
    assert mine["product_id"].tolist()[-1] == "rye"
    assert mine["rank"].tolist() == [1, 2, 3]
    assert (mine["score"].diff().dropna() <= 0).all()
    # who never bought anything is offered nothing rare
    assert "rye" not in found.loc[found["account_id"] == "other", "product_id"].tolist()
    rungs = {c.code: (c.accounts, c.offers) for c in counts if c.kind == "rung"}
    assert rungs == {"champion": (1, 2), "all": (1, 3), "rare_products": (1, 1)}


def test_rules_that_are_off_take_nothing_and_are_not_counted():
    rows, counts = made(only())
    assert rows.groupby("account_id").size().to_dict() == {"me": 3, "other": 3}
    assert set(counts) == {"champion", "all"}


def changed(tmp_path, change) -> Rules:
    told = yaml.safe_load(offers.FILE.read_text())
    change(told)
    path = tmp_path / "offers.yaml"
    path.write_text(yaml.safe_dump(told))
    return rules(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("contactable"), "offers.yaml: missing or unknown: contactable"),
        (lambda t: t.update(pets={}), "missing or unknown: pets"),
        (lambda t: t["per_category"].pop("most"), "per_category: missing or unknown: most"),
        (lambda t: t["per_category"].update(most="3"), "most is '3': a value of type int"),
        (lambda t: t["per_category"].update(most=True), "most is True: a value of type int"),
        (lambda t: t["discount_budget"].update(usd=-1), "usd is -1.0: 0 or more is needed"),
        (lambda t: t.update(contactable=None), "contactable: missing or unknown"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(tmp_path, change, said):
    with pytest.raises(CannotOffer, match=said.replace(".", r"\.")):
        changed(tmp_path, change)


def test_a_whole_number_will_do_for_an_amount(tmp_path):
    found = changed(tmp_path, lambda t: t["discount_budget"].update(usd=50))
    assert found.discount_budget.usd == 50.0
