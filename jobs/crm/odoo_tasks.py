"""Odoo 19: tasks for salespeople are activities (`mail.activity`) of customers.

A field of ours holds their key and tells them from others. An external id made of it keeps them
alone: `load` makes one activity of it, however often it is sent. One that a person cancels is
deleted, its external id with it; one that is done is put aside.
"""

import datetime as dt
import hashlib
import html
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from jobs.crm.access import Access, Options
from jobs.crm.adapter import (
    Change,
    Description,
    Field,
    Quota,
    Record,
    Result,
    by_key,
    canonical,
    untold,
)
from jobs.crm.json2 import REQUEST_SECONDS, Session
from jobs.crm.odoo import instance, may
from jobs.crm.odoo_load import load, without_spoilers
from jobs.crm.odoo_objects import OdooObjects
from jobs.crm.odoo_values import ACTIVITY, MODULE, PARTNER, TASK_KEY
from jobs.crm.writing import found_out, records_of

BATCH_RECORDS = 200
PAGE_RECORDS = 1000
OPTIONS = Options(others=("database", "request_seconds"))
# Odoo's own kinds of activities; a letter is a to-do
KINDS = {
    "phone": "mail.mail_activity_data_call",
    "email": "mail.mail_activity_data_email",
    "post": "mail.mail_activity_data_todo",
}
FIELDS = {
    "res_id": Field("res_id", "integer", is_required=True),  # the customer
    "channel": Field("channel", "choice", choices=tuple(KINDS)),
    "summary": Field("summary", "text"),
    "note": Field("note", "text"),
    "date_deadline": Field("date_deadline", "date"),
    # open, or done; what is dismissed is deleted
    "state": Field("state", "choice", choices=("open", "done"), is_writable=False),
    "date_done": Field("date_done", "date", is_writable=False),
}
# what is read of Odoo's own: our fields are made of it
READ = (
    *("res_id", "activity_type_id", "summary", "note"),
    *("date_deadline", "date_done", TASK_KEY),
)
ONLY = ([TASK_KEY, "!=", False], ["res_model", "=", PARTNER])
LINE_END, TAG = re.compile(r"<br\s*/?>|</p>\s*<p[^>]*>"), re.compile(r"<[^>]*>")


class OdooTasks:
    """Activities of an Odoo database that were made for a task."""

    def __init__(
        self,
        session: Session,
        request_seconds: float = REQUEST_SECONDS,
        page_records: int = PAGE_RECORDS,
    ) -> None:
        self._session, self._request_seconds = session, request_seconds
        self._page_records = page_records
        self._activities = OdooObjects(session, ACTIVITY, ONLY, page_records)

    def describe(self) -> Description:
        told = self._session.call(ACTIVITY, "fields_get", allfields=[TASK_KEY])
        key = {TASK_KEY: Field(TASK_KEY, "text", length=told[TASK_KEY]["size"])} if told else {}
        return Description(
            system="odoo",
            version=self._session.version(),
            instance=instance(self._session),
            fields={**FIELDS, **key},
            enforced_keys=(TASK_KEY,),
            can_create=may(self._session, "create", ACTIVITY),
            batch_records=BATCH_RECORDS,
            page_records=self._page_records,
            request_seconds=self._request_seconds,
        )

    def quota(self) -> Quota | None:
        return None

    def newest_change(self) -> dt.datetime | None:
        return self._activities.newest_change()

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        return (self._task(r, fields) for r in self._activities.read(READ, since))

    def get(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        return {r.id: r for r in self._among("id", sorted(int(each) for each in ids), fields)}

    def find(
        self, field: str, keys: Collection[str], fields: Collection[str]
    ) -> dict[str, list[Record]]:
        return by_key(field, keys, self._among(field, sorted(keys), {field, *fields}))

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        there = [change for change in batch if change.record_id is not None]
        new = [change for change in batch if change.record_id is None]
        refused = [Result(c.subject, "permission", "tasks_are_only_made") for c in there]
        return [*refused, *without_spoilers(new, self._make)]

    def poll(
        self, batch: Sequence[Change], sent_at: dt.datetime, job: str | None = None
    ) -> list[Result]:
        return found_out(batch, sent_at, self._request_seconds, partial(records_of, self))

    def _make(self, batch: Sequence[Change]) -> list[str | None]:
        """Each for the salesperson of its customer, who is not written to about it."""
        owners = self._owners({str(change.values["res_id"]) for change in batch})
        header = ["id", TASK_KEY, "res_model_id/id", "res_id", "user_id/.id", "activity_type_id/id"]
        rows = [
            [
                f"{MODULE}.task_{hashlib.sha256(_key(change).encode()).hexdigest()}",
                _key(change),
                f"base.model_{PARTNER.replace('.', '_')}",
                str(change.values["res_id"]),
                owners.get(str(change.values["res_id"]), ""),
                KINDS[change.values.get("channel") or "post"],
                change.values.get("summary") or "",
                _as_html(change.values.get("note")),
                change.values.get("date_deadline") or "",
            ]
            for change in batch
        ]
        header += ["summary", "note", "date_deadline"]
        return load(self._session, ACTIVITY, header, rows, {"mail_activity_quick_update": True})

    def _owners(self, customers: Collection[str]) -> dict[str, str]:
        """The salesperson's id by the customer's, of those that have one."""
        domain = [["id", "in", sorted(map(int, customers))], ["user_id", "!=", False]]
        asked: dict[str, Any] = {"domain": domain, "fields": ["user_id"], "load": ""}
        rows = self._session.call(PARTNER, "search_read", **asked)
        return {str(row["id"]): str(row["user_id"]) for row in rows}

    def _among(
        self, field: str, wanted: Sequence[Any], fields: Collection[str]
    ) -> Iterator[Record]:
        for at in range(0, len(wanted), self._page_records):
            page = [[field, "in", wanted[at : at + self._page_records]]]
            yield from (self._task(r, fields) for r in self._activities.by_id(page, READ))

    def _task(self, activity: Record, fields: Collection[str]) -> Record:
        """An activity in our fields. One that is done Odoo has put aside: to us it is there."""
        told = {
            **activity.values,
            "channel": self._channels.get(activity.values["activity_type_id"] or ""),
            "note": _as_text(activity.values["note"]),
            "state": "open" if activity.is_active else "done",
        }
        of = {**FIELDS, TASK_KEY: Field(TASK_KEY, "text")}
        values = {name: canonical(of[name], told[name]) for name in fields}
        return replace(activity, values=values, is_active=True)

    @cached_property
    def _channels(self) -> dict[str, str]:
        """Our channels by Odoo's ids of the kinds of activities."""
        names = {name.partition(".")[2]: channel for channel, name in KINDS.items()}
        rows = self._session.call(
            *("ir.model.data", "search_read"),
            domain=[["module", "=", "mail"], ["name", "in", list(names)]],
            fields=["name", "res_id"],
        )
        return {str(row["res_id"]): names[row["name"]] for row in rows}


def connect(access: Access) -> OdooTasks:
    """Tasks of the Odoo that an access leads to."""
    seconds = access.request_seconds(REQUEST_SECONDS)
    return OdooTasks(Session(access, seconds), seconds)


def _key(change: Change) -> str:
    assert change.key is not None
    return change.key[1]


def _as_html(text: str | None) -> str:
    return "<br>".join(html.escape(line) for line in (text or "").splitlines())


def _as_text(shown: str | None) -> str:
    """What a person reads of HTML."""
    return html.unescape(TAG.sub("", LINE_END.sub("\n", shown or "")))
