"""The loops that one would write by hand to bring scores into Tryton and Odoo, as fast as they go.

The same calls that may be sent twice as the adapters', the same read before each write, the same
skipping of what moved meanwhile: but no plan, no ledger, no retry, and whoever kills them loses
track. infra/bench/loop.py runs them beside `apply`.
"""

import base64
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from infra.chaos.crms import Crm

Rows = Mapping[str, Mapping[str, Any]]  # by customer: values by the CRM's names, as they are sent
READ = 1_000  # records of one read
ANSWER_SECONDS = 120.0


class Tryton:
    """One transaction for so many customers, each with its `_timestamp`."""

    def __init__(self, crm: Crm, batch: int) -> None:
        self._batch = batch
        self._http = httpx.Client(base_url=f"{crm.url}/tryton/rpc/", timeout=ANSWER_SECONDS)
        user, token, *_ = self._asked("common.db.login", crm.user, {"password": crm.secret})
        told = base64.b64encode(f"{crm.user}:{user}:{token}".encode()).decode()
        self._http.headers["Authorization"] = f"Session {told}"

    def ids(self, keys: Sequence[str]) -> dict[str, int]:
        """The CRM's ids of customers."""
        return {row["code"]: row["id"] for row in self._read(["code", "in", list(keys)], ["code"])}

    def send(self, rows: Rows, ids: Mapping[str, int], seen: Rows) -> int:
        """Write what still shows what was seen; returns how many customers."""
        sent = 0
        for keys in parts([*rows], READ):
            names = [*rows[keys[0]], "_timestamp"]
            found = {r["id"]: r for r in self._read(["id", "in", [ids[k] for k in keys]], names)}
            still = [k for k in keys if _shows(found[ids[k]], seen.get(k, {}))]
            for some in parts(still, self._batch):
                stamps = {f"party.party,{ids[k]}": found[ids[k]]["_timestamp"] for k in some}
                pairs = [part for k in some for part in ([ids[k]], rows[k])]
                self._asked("model.party.party.write", *pairs, {"_timestamp": stamps})
            sent += len(still)
        return sent

    def _read(self, clause: Sequence[Any], names: Sequence[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        field, _, wanted = clause
        for some in parts(wanted, READ):
            told = self._asked(
                "model.party.party.search_read", [[field, "in", some]], 0, None, None, names, {}
            )
            found += told
        return found

    def _asked(self, method: str, *params: Any) -> Any:
        body = {"id": 1, "method": method, "params": list(params)}
        answer = self._http.post("", json=body)
        answer.raise_for_status()
        told = answer.json()
        if told.get("error"):
            raise RuntimeError(f"{method}: {told['error']}")
        return told["result"]


class Odoo:
    """Scores by `load`, with an external id; a partner's bands by one `write` for all alike."""

    def __init__(self, crm: Crm, batch: int) -> None:
        self._batch = batch
        headers = {"Authorization": f"bearer {crm.secret}", "X-Odoo-Database": "odoo"}
        self._http = httpx.Client(
            base_url=f"{crm.url}/json/2/", headers=headers, timeout=ANSWER_SECONDS
        )

    def ids(self, keys: Sequence[str]) -> dict[str, int]:
        found = self._read("res.partner", ["ref", "in", list(keys)], ["ref"])
        return {row["ref"]: row["id"] for row in found}

    def send(self, rows: Rows, ids: Mapping[str, int], seen: Rows) -> int:
        sent = 0
        for keys in parts([*rows], self._batch):
            mine = [n for n in rows[keys[0]] if not n.startswith("score.")]
            scored = [n for n in rows[keys[0]] if n.startswith("score.")]
            at = [f"x_{name.removeprefix('score.')}" for name in scored]
            there = [ids[k] for k in keys]
            partners = {r["id"]: r for r in self._read("res.partner", ["id", "in", there], mine)}
            of = ["x_partner_id", *at]
            known = {
                r["x_partner_id"]: dict(zip(scored, (r[a] for a in at), strict=True))
                for r in self._read("x_sales_score", ["x_partner_id", "in", there], of)
            }
            shown = {k: partners[ids[k]] | known.get(ids[k], {}) for k in keys}
            still = [k for k in keys if _shows(shown[k], seen.get(k, {}))]
            self._write_alike(still, rows, mine, ids)
            self._load([k for k in still if ids[k] in known], rows, scored, at, ids)
            self._load([k for k in still if ids[k] not in known], rows, scored, at, ids, True)
            sent += len(still)
        return sent

    def _write_alike(
        self, keys: Sequence[str], rows: Rows, names: Sequence[str], ids: Mapping[str, int]
    ) -> None:
        def values(key: str) -> list[Any]:
            return [rows[key][name] for name in names]

        for told, some in itertools.groupby(sorted(keys, key=values), values):
            vals = dict(zip(names, told, strict=True))
            self._asked("res.partner/write", ids=[ids[k] for k in some], vals=vals)

    def _load(
        self,
        keys: Sequence[str],
        rows: Rows,
        names: Sequence[str],
        at: Sequence[str],
        ids: Mapping[str, int],
        is_new: bool = False,
    ) -> None:
        if not keys:
            return
        of_new = ["x_name", "x_partner_id/.id"] if is_new else []
        data = [
            [
                f"sales_lakehouse.score_{ids[key]}",
                *([str(ids[key])] * len(of_new)),
                *(str(rows[key][name]) for name in names),
                "1",
            ]
            for key in keys
        ]
        told = self._asked(
            "x_sales_score/load", fields=["id", *of_new, *at, "x_value_known"], data=data
        )
        if not told["ids"]:
            raise RuntimeError(str(told["messages"][:1]))

    def _read(self, model: str, clause: Sequence[Any], names: Sequence[str]) -> list[Any]:
        field, _, wanted = clause
        return [
            row
            for some in parts(wanted, READ)
            for row in self._asked(
                f"{model}/search_read",
                domain=[[field, "in", some]],
                fields=["write_date", *names],
                load="",
            )
        ]

    def _asked(self, path: str, **named: Any) -> Any:
        named["context"] = {"tracking_disable": True, "active_test": False, "lang": "en_US"}
        answer = self._http.post(path, json=named)
        answer.raise_for_status()
        return answer.json()


LOOPS: Mapping[str, type[Tryton] | type[Odoo]] = {"tryton": Tryton, "odoo": Odoo}


def parts(of: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (of[at : at + size] for at in range(0, len(of), size))


def _shows(found: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    """Whether nobody changed what was seen; of numbers and dates of Tryton, which are told in other
    words than they are sent in, nothing is asked."""
    texts = {name: value for name, value in seen.items() if isinstance(value, str)}
    return all(found[n] == text for n, text in texts.items() if isinstance(found[n], str))
