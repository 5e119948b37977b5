"""What is made in Odoo: the fields of a score, those of the partner, the page that shows them, and
what keeps the delivery's user to them. `odoo_install` makes it.
"""

from collections.abc import Mapping
from typing import Any

from jobs.crm.choices import GRADES, RECENCY_BANDS, SPEND_BANDS, TRENDS, TRENDS_OF_LEAVING
from jobs.crm.json2 import NOT_OURS
from jobs.crm.odoo_values import KNOWN, MODULE, OURS, SCORES

Plan = tuple[str, str, str, Mapping[str, Any]]

# Name, label, type and what else; in the order of the page
ON_SCORE: tuple[Plan, ...] = (
    ("x_value", "Score", "float", {}),
    (f"x_value{KNOWN}", "Has a Score", "boolean", {}),
    ("x_grade", "Grade", "selection", {"options": GRADES}),
    ("x_trend", "Trend", "selection", {"options": TRENDS}),
    ("x_reasons", "Reasons", "text", {}),
    ("x_next_products", "Next Best Products", "text", {}),
    ("x_churn_grade", "Likely to Leave (Grade)", "selection", {"options": GRADES}),
    (
        *("x_churn_trend", "Trend of Leaving", "selection"),
        {"options": TRENDS, "labels": TRENDS_OF_LEAVING},
    ),
    ("x_churn_chance", "Chance of Leaving", "float", {}),
    (f"x_churn_chance{KNOWN}", "Has a Chance of Leaving", "boolean", {}),
    ("x_churn_reasons", "Why Likely to Leave, or Not", "text", {}),
    ("x_offer_campaign", "Next Campaign", "char", {"size": 80}),
    ("x_offer_grade", "Next Campaign (Grade)", "selection", {"options": GRADES}),
    ("x_offer_chance", "Chance of an Answer", "float", {}),
    (f"x_offer_chance{KNOWN}", "Has a Chance of an Answer", "boolean", {}),
    ("x_expected_usd", "Expected Spend, 8 Weeks (USD)", "float", {}),
    (f"x_expected_usd{KNOWN}", "Has an Expected Spend", "boolean", {}),
    ("x_expected_grade", "Expected Spend (Grade)", "selection", {"options": GRADES}),
    ("x_last_order_date", "Last Order", "date", {}),
    ("x_as_of", "As Of", "date", {}),
    ("x_valid_until", "Valid Until", "date", {}),
    ("x_score_name", "Kind of Score", "char", {"size": 80}),
    ("x_model_version", "Made By", "char", {"size": 120}),
    ("x_link", "What It Means", "char", {"size": 500}),
)
ON_PARTNER: tuple[Plan, ...] = (
    (f"{OURS}recency_band", "Last Bought", "selection", {"options": RECENCY_BANDS}),
    (f"{OURS}spend_band", "Spend of 12 Weeks", "selection", {"options": SPEND_BANDS}),
    (f"{OURS}segment", "Segment", "char", {"size": 80}),
    (f"{OURS}next_action", "Next Action", "char", {"size": 120}),
    # people tick it: its name keeps the delivery's user from writing it
    ("x_no_profiling", "Objects to Profiling", "boolean", {"help": "No scores are shown here."}),
)
# Each line begins where its language does
TEXT = 'class="mb-2" style="white-space: pre-line; unicode-bidi: plaintext; text-align: start"'
# Read with a card to say whether it shows a number; Odoo itself would show 0
READ_ALONG = "".join(f'<field name="{name}"/>' for name, *_ in ON_SCORE if name.endswith(KNOWN))
# What a customer's own scores say: of leaving, of the next campaign, of the next eight weeks
OWN_SCORES = f"""<div t-if="record.x_churn_grade.raw_value"><strong>Likely to leave:</strong>
grade <field name="x_churn_grade"/><t t-if="record.x_churn_trend.raw_value">,
<field name="x_churn_trend"/></t><t t-if="record.x_churn_chance{KNOWN}.raw_value">,
chance <field name="x_churn_chance" widget="percentage" class="d-inline"/></t></div>
<div t-if="record.x_churn_reasons.raw_value" {TEXT}><field name="x_churn_reasons"/></div>
<div t-if="record.x_offer_campaign.raw_value" class="mb-2"><strong>Next campaign:</strong>
number <field name="x_offer_campaign"/><t t-if="record.x_offer_grade.raw_value">,
grade <field name="x_offer_grade"/></t><t t-if="record.x_offer_chance{KNOWN}.raw_value">,
chance <field name="x_offer_chance" widget="percentage" class="d-inline"/></t></div>
<div t-if="record.x_expected_usd{KNOWN}.raw_value" class="mb-2">
<strong>Expected in eight weeks:</strong>
USD <field name="x_expected_usd"/><t t-if="record.x_expected_grade.raw_value">,
grade <field name="x_expected_grade"/></t></div>"""
# What a person may change is open, the scores are not. A card for each score: a merge leaves the
# loser's beside the survivor's
PAGE = f"""<data><xpath expr="//notebook" position="inside">
<page string="Sales Scores" name="sales_scores">
<field name="{SCORES}" readonly="1" nolabel="1"><kanban create="0" edit="0" delete="0">
<field name="x_name"/><field name="x_partner_id"/>{READ_ALONG}
<templates><t t-name="card" class="w-100">
<div t-if="record.x_name.raw_value != record.x_partner_id.raw_value" class="text-muted">
Of a customer who was merged into this one</div>
<div t-if="!record.x_as_of.raw_value" class="text-muted">No score at present</div>
<div class="d-flex gap-3 align-items-baseline mb-2">
<span t-if="record.x_grade.raw_value" class="fs-2 badge text-bg-primary"><field name="x_grade"/>
</span><span class="fs-3"><field name="x_trend"/></span>
<span t-if="record.x_value{KNOWN}.raw_value" class="text-muted">Score <field name="x_value"/></span>
<span class="text-muted"><field name="x_score_name"/></span></div>
<t t-if="record.x_next_products.raw_value"><strong>Next best products</strong>
<div {TEXT}><field name="x_next_products"/></div></t>
<t t-if="record.x_reasons.raw_value"><strong>Reasons</strong>
<div {TEXT}><field name="x_reasons"/></div></t>
{OWN_SCORES}
<div t-if="record.x_last_order_date.raw_value">Last order <field name="x_last_order_date"/></div>
<div t-if="record.x_as_of.raw_value">As of <field name="x_as_of"/>
<t t-if="record.x_valid_until.raw_value">, valid until <field name="x_valid_until"/></t></div>
<div t-if="record.x_model_version.raw_value" class="text-muted">
Made by <field name="x_model_version"/></div>
<div t-if="record.x_link.raw_value"><field name="x_link" widget="url" text="What it means"/></div>
</t></templates></kanban></field>
<group>{"".join(f'<field name="{name}"/>' for name, *_ in ON_PARTNER)}</group>
</page></xpath></data>"""
# Computed whenever another field of a partner is written: refuses the delivery's user, if that one
# is not making the partner just now. Its error reaches the caller inside a ValueError of Odoo's.
GUARD = f"""
now = self.env.cr.now()
if self.env.user.has_group('{MODULE}.delivery') and any(each.create_date != now for each in self):
    raise Exception('{NOT_OURS}')
for each in self:
    each['{OURS}guard'] = False
"""
