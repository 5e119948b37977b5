"""What Odoo needs before scores are delivered: a model, fields, a page at the customer, a user.

`install` makes what is missing with an administrator's key, which is not kept. The delivery's own
user may write scores, the partner's fields that begin with x_sales_, and create customers; it may
read customers and opportunities.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.crm.access import Access
from jobs.crm.choices import capital
from jobs.crm.json2 import Session
from jobs.crm.odoo_key import KEY_DAYS, USER
from jobs.crm.odoo_parts import GUARD, ON_PARTNER, ON_SCORE, PAGE
from jobs.crm.odoo_reading import BLACKLIST
from jobs.crm.odoo_values import ACTIVITY, MODULE, OURS, PARTNER, SCORE, SCORES, TASK_KEY

GROUP = "Sales Lakehouse: delivery"
LEAD = "crm.lead"
# Odoo keeps these itself
KEPT_BY_ODOO = ("id", "create_date", "create_uid", "write_date", "write_uid")


@dataclass
class Installer:
    """Makes what is not there, by name; tells what it made, or would make."""

    session: Session
    dry_run: bool
    made: list[str] = field(default_factory=list)

    def ensure(
        self,
        model: str,
        label: str,
        name: Mapping[str, Any],
        rest: Callable[[], dict[str, Any]],
        kept: Sequence[str] = (),
    ) -> int:
        """The id of a record that has these values; 0: it would be made.

        Args:
            kept: of `rest`, what is brought up to date in one that is there.
        """
        domain = [[at, "=", value] for at, value in name.items()]
        if found := self.session.call(
            model, "search_read", domain=domain, fields=["id", *kept], limit=1
        ):
            self._update(model, label, found[0], {at: rest()[at] for at in kept})
            return int(found[0]["id"])
        self.made.append(label)
        if self.dry_run:
            return 0
        return int(self.session.call(model, "create", vals_list=[{**name, **rest()}])[0])

    def _update(
        self, model: str, label: str, found: Mapping[str, Any], wanted: Mapping[str, Any]
    ) -> None:
        if all(found[at] == value for at, value in wanted.items()):
            return
        self.made.append(f"{label}, brought up to date")
        if not self.dry_run:
            self.session.call(model, "write", [found["id"]], vals=dict(wanted))

    def of_odoo(self, name: str) -> int:
        """Id of a record that Odoo itself brings."""
        module, _, short = name.partition(".")
        domain = [["module", "=", module], ["name", "=", short]]
        told = self.session.call("ir.model.data", "search_read", domain=domain, fields=["res_id"])
        return int(told[0]["res_id"])

    def known_as(self, name: str, model: str, record: int) -> None:
        """Give a record of ours an external id."""
        of = {"model": model, "res_id": record}
        label = f"external id of {model}"
        self.ensure("ir.model.data", label, {"module": MODULE, "name": name}, lambda: of)


def install(access: Access, dry_run: bool = False) -> list[str]:
    """Make what is missing; returns what was made, or with `dry_run` would be.

    Args:
        access: of an administrator.

    Raises:
        CrmError: it is not allowed, or the CRM cannot be reached.
    """
    installer = Installer(Session(access), dry_run)
    partner = installer.session.call("ir.model", "search", domain=[["model", "=", PARTNER]])[0]
    score = _score_model(installer, partner)
    for each in ON_PARTNER:
        _field(installer, PARTNER, partner, *each)
    _page(installer)
    group = _rights(installer, partner, score)
    _guard(installer, PARTNER, partner)
    _reading(installer, group)
    _user(installer, group)
    _instance(installer)
    return installer.made


def _score_model(installer: Installer, partner: int) -> int:
    score = installer.ensure(
        "ir.model",
        f"model {SCORE}",
        {"model": SCORE},
        lambda: {"name": "Sales Score", "state": "manual"},
    )
    link = {"relation": PARTNER, "on_delete": "cascade", "required": True, "index": True}
    _field(installer, SCORE, score, "x_partner_id", "Customer", "many2one", link)
    # Of a new model Odoo makes a field x_name by itself: it holds the partner's id, so that a row
    # that a merge moves still tells whose it was
    for each in ON_SCORE:
        _field(installer, SCORE, score, *each)
    back = {"relation": SCORE, "relation_field": "x_partner_id"}
    _field(installer, PARTNER, partner, SCORES, "Sales Scores", "one2many", back)
    return score


def _field(
    installer: Installer,
    model: str,
    model_id: int,
    name: str,
    label: str,
    kind: str,
    rest: Mapping[str, Any],
) -> None:
    options: Sequence[str] = rest.get("options", ())
    labels: Mapping[str, str] = rest.get("labels", {})
    choices = [
        [0, 0, {"value": value, "name": labels.get(value, capital(value)), "sequence": at}]
        for at, value in enumerate(options)
    ]
    plain = {key: value for key, value in rest.items() if key not in {"options", "labels"}}
    kept = [key for key in ("compute", "depends") if key in rest]
    installer.ensure(
        "ir.model.fields",
        f"field {model}.{name}",
        {"model": model, "name": name},
        lambda: {
            "model_id": model_id,
            "field_description": label,
            "ttype": kind,
            "state": "manual",
            **({"selection_ids": choices} if choices else {}),
            **plain,
        },
        kept,
    )


def _page(installer: Installer) -> None:
    inherited = installer.of_odoo("base.view_partner_form")
    view = {"model": PARTNER, "inherit_id": inherited, "arch_base": PAGE, "type": "form"}
    installer.ensure(
        *("ir.ui.view", "page of the customer's form", {"name": f"{MODULE}.scores"}, lambda: view),
        kept=["arch_base"],
    )


def _rights(installer: Installer, partner: int, score: int) -> int:
    group = installer.ensure(
        "res.groups", f"group {GROUP!r}", {"name": GROUP}, lambda: {"api_key_duration": KEY_DAYS}
    )
    installer.known_as("delivery", "res.groups", group)
    ids = installer.session.call("ir.model", "search", domain=[["model", "=", "ir.model.data"]])[0]
    everyone, administrators = map(installer.of_odoo, ("base.group_user", "base.group_system"))
    _right(installer, "customers", partner, group, "rwc")
    _right(installer, "scores", score, group, "rwc")
    _right(installer, "external ids", ids, group, "r")
    _right(installer, "scores for all", score, everyone, "r")
    _right(installer, "scores for administrators", score, administrators, "rwcu")
    return group


def _right(installer: Installer, what: str, model: int, group: int, may: str) -> None:
    kinds = ("read", "write", "create", "unlink")
    rights = {f"perm_{kind}": kind[0] in may for kind in kinds}
    installer.ensure(
        "ir.model.access",
        f"right to {what}",
        {"name": f"{MODULE}: {what}"},
        lambda: {"model_id": model, "group_id": group, **rights},
    )


def _reading(installer: Installer, group: int) -> None:
    """What else is read, where its module is installed.

    Activities are shown to those who may write to what they are about: so the delivery's user may,
    and the guard refuses each field.
    """
    for model, what, may in ((BLACKLIST, "the blacklist", "r"), (LEAD, "opportunities", "rw")):
        for found in installer.session.call("ir.model", "search", domain=[["model", "=", model]]):
            _right(installer, what, found, group, may)
            if "w" in may:
                _guard(installer, model, found)
    for found in installer.session.call("ir.model", "search", domain=[["model", "=", ACTIVITY]]):
        key = {"size": 300, "index": True, "copied": False}
        _field(installer, ACTIVITY, found, TASK_KEY, "Key of a Sales Task", "char", key)
        _guard(installer, ACTIVITY, found)
        _only_tasks(installer, found, group)


def _only_tasks(installer: Installer, model: int, group: int) -> None:
    """The guard lets pass what is being made: the delivery's user makes customers' tasks only."""
    tasks = f"[('{TASK_KEY}', '!=', False), ('res_model', '=', '{PARTNER}')]"
    of = {"model_id": model, "groups": [[6, 0, [group]]], "domain_force": tasks}
    kinds = {f"perm_{kind}": kind == "create" for kind in ("read", "write", "create", "unlink")}
    name = f"{MODULE}: new activities are tasks"
    installer.ensure(
        "ir.rule", "rule: new activities are tasks", {"name": name}, lambda: {**of, **kinds}
    )


def _guard(installer: Installer, model: str, model_id: int) -> None:
    """Rights are of whole models: this keeps the delivery's user to its own fields of one."""
    session = installer.session
    domain = [
        *(["model", "=", model], ["store", "=", True], ["ttype", "!=", "one2many"]),
        *(["name", "not like", OURS], ["name", "not in", KEPT_BY_ODOO]),
    ]
    told = session.call("ir.model.fields", "search_read", domain=domain, fields=["name"])
    computed = {
        "depends": ",".join(sorted(row["name"] for row in told)),
        "compute": GUARD,
        "store": True,
        "readonly": True,
    }
    _field(installer, model, model_id, f"{OURS}guard", "Sales Guard", "boolean", computed)


def _user(installer: Installer, group: int) -> None:
    internal = installer.of_odoo("base.group_user")
    user = {"name": "Sales Lakehouse", "group_ids": [[6, 0, [internal, group]]], "tz": "UTC"}
    installer.ensure("res.users", f"user {USER!r}", {"login": USER}, lambda: user)


def _instance(installer: Installer) -> None:
    """An external id whose name no other Odoo has: a CRM that was set up anew is another one."""
    domain = [["module", "=", MODULE], ["name", "=like", "instance_%"]]
    if not installer.session.call("ir.model.data", "search", domain=domain):
        company = installer.session.call("res.company", "search", domain=[], limit=1)[0]
        installer.known_as(f"instance_{secrets.token_hex(8)}", "res.company", company)
