"""What a mapping writes a person sees on the customer's form, closed where it is ours always."""

from xml.etree import ElementTree

from infra.tryton import prepare
from jobs.crm.odoo_parts import PAGE
from jobs.crm.odoo_values import OF_SCORE, SCORES, in_score
from jobs.delivery import mapping as mappings
from tests.connections import SHIPPED

# what a salesperson looks for, in this order
STORY = [
    *("grade", "trend", "value", "name", "next_products", "reasons"),
    *("churn_grade", "churn_trend", "churn_chance", "churn_reasons"),
    *("offer_campaign", "offer_grade", "offer_chance", "expected_usd", "expected_grade"),
    *("as_of", "valid_until"),
]


def ownership(connection: str) -> dict[str, str]:
    made = mappings.parse(connection, (SHIPPED / f"{connection}.yaml").read_text())
    return {name: of.ownership for name, of in made.fields.items()}


def fields(page: ElementTree.Element) -> list[ElementTree.Element]:
    return list(page.iter("field"))


def test_trytons_form_shows_every_field_once_and_closes_what_is_ours_always() -> None:
    views = prepare.MODULE / "trytond_sales_scores/view/party_form.xml"
    whole = ElementTree.parse(views)  # noqa: S314 our own
    [page] = [p for p in whole.iter("page") if p.get("id") == "scores"]
    shown = {str(f.get("name")): f.get("readonly") == "1" for f in fields(page)}
    assert len(fields(page)) == len(shown)
    assert shown == {name: whose == "always" for name, whose in ownership("tryton").items()}
    labels = [label.get("name") for label in page.iter("label")]
    assert labels == list(shown)
    told = [name.removeprefix("score_") for name in shown]
    assert [name for name in told if name in STORY] == STORY
    assert told[-1] == "link"


def test_odoos_page_shows_every_field_and_closes_what_is_ours_always() -> None:
    page = ElementTree.fromstring(PAGE)  # noqa: S314 our own
    headings = [str(each.text).strip() for each in page.iter("strong")]
    assert headings == [
        *("Next best products", "Reasons"),
        *("Likely to leave:", "Next campaign:", "Expected in eight weeks:"),
    ]
    closed = {str(f.get("name")): f.get("readonly") == "1" for f in fields(page)}
    for name, whose in ownership("odoo").items():
        if name.startswith(OF_SCORE):
            assert in_score(name) in closed
            assert closed[SCORES]
            assert whose == "always", "a person cannot type into a score"
        else:
            assert closed[name] == (whose == "always")
    [template] = page.iter("templates")
    told = [str(f.get("name")) for f in fields(template)]
    card = [name.removeprefix("x_").replace("score_name", "name") for name in told]
    assert [name for name in card if name in STORY] == STORY
    assert card[-1] == "link"
