"""An API key for the delivery's user in Odoo, made with an administrator's."""

import secrets
from typing import Any

import httpx

from jobs.crm.access import Access
from jobs.crm.adapter import CrmError
from jobs.crm.json2 import Session

USER = "sales_lakehouse"  # logs in by an API key only
KEY_DAYS = 366  # how long a key may be valid


def new_key(access: Access) -> str:
    """A new API key of the delivery's user, to be kept as the connection's secret.

    Odoo makes a key only for who says their password: the user gets one for that moment, and after
    it another that nobody knows.

    Args:
        access: of an administrator.
    """
    session, password = Session(access), secrets.token_urlsafe(32)
    [user] = session.call("res.users", "search", domain=[["login", "=", USER]]) or [None]
    if user is None:
        raise CrmError("data", f"{access.url} has no user {USER!r}: install first")
    session.call("res.users", "write", [user], vals={"password": password})
    try:
        return _made_key(session, password)
    finally:
        session.call("res.users", "write", [user], vals={"password": secrets.token_urlsafe(32)})


def _made_key(session: Session, password: str) -> str:
    with httpx.Client(base_url=session.url, timeout=60) as web:

        def asked(path: str, **params: Any) -> Any:
            answer = web.post(path, json={"jsonrpc": "2.0", "method": "call", "params": params})
            told = answer.raise_for_status().json()
            if "error" in told:
                raise CrmError("permission", f"{session.url}: no key for {USER!r} could be made")
            return told["result"]

        def call(model: str, method: str, *args: Any, **context: Any) -> Any:
            of = {"model": model, "method": method, "args": args, "kwargs": {"context": context}}
            return asked("/web/dataset/call_kw", **of)

        asked("/web/session/authenticate", db=session.database, login=USER, password=password)
        wizard = "res.users.apikeys.description"
        described = call(wizard, "create", {"name": "delivery", "duration": str(KEY_DAYS - 1)})
        check = call(wizard, "make_key", [described])
        made = call("res.users.identitycheck", "run_check", [check["res_id"]], password=password)
        return str(made["context"]["default_key"])
