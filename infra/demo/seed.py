"""Puts the households of The Complete Journey into the CRM as customers, once.

python -m infra.demo.seed      (a second run creates only what is missing)

Names and addresses are made up and say so: "Household 900", household-900@example.com. The bands
are the package's own, where it has any (801 of 2,469 households).
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.progress import Progress

from infra.demo.drops import package_file
from jobs import command
from jobs.crm.jsonrpc import Session
from jobs.settings import settings

PARTIES = "model.party.party"
BATCH = 250
BANDS = {  # the package's column → the CRM's field
    "age": "age_band",
    "income": "income_band",
    "home_ownership": "home_ownership",
    "marital_status": "marital_status",
    "household_size": "household_size",
    "household_comp": "household_composition",
    "kids_count": "kids_count",
}


def households() -> list[int]:
    """All households that ever bought, in order."""
    bought = pq.read_table(package_file("transactions"), columns=["household_id"])
    return sorted(int(i) for i in pc.unique(bought["household_id"]).to_pylist())


def bands() -> dict[int, Mapping[str, str | None]]:
    """Demographic bands by household."""
    rows = pq.read_table(package_file("demographics")).to_pylist()
    return {int(row["household_id"]): {BANDS[c]: row[c] for c in BANDS} for row in rows}


def party(household: int, known: Mapping[str, str | None]) -> dict[str, Any]:
    """A customer as the CRM wants it."""
    mail = {"type": "email", "value": f"household-{household}@example.com"}
    return {
        "code": str(household),
        "name": f"Household {household}",
        "contact_mechanisms": [["create", [mail]]],
        **known,
    }


def there(session: Session) -> set[str]:
    """Codes of the customers that the CRM has, inactive ones too."""
    rows = session.call(
        f"{PARTIES}.search_read", [], 0, None, None, ["code"], context={"active_test": False}
    )
    return {row["code"] for row in rows}


def batches(missing: list[int]) -> Iterator[list[int]]:
    for at in range(0, len(missing), BATCH):
        yield missing[at : at + BATCH]


def main() -> None:
    """Create the customers that the CRM lacks."""
    started = time.monotonic()
    session = Session(settings().crm_url, "admin", settings().secret("crm_admin"))
    has, known = there(session), bands()
    missing = [h for h in households() if str(h) not in has]
    with Progress(disable=not missing) as progress:
        task = progress.add_task("CRM: creating customers", total=len(missing))
        for batch in batches(missing):
            session.call(f"{PARTIES}.create", [party(h, known.get(h, {})) for h in batch])
            progress.advance(task, len(batch))
    print(
        f"CRM: {len(missing):,} customers created, {len(has):,} were there, "
        f"{time.monotonic() - started:.1f} s"
    )


if __name__ == "__main__":
    command.run(main)
