"""Takes a folder into use for dropped files: it gets a name, and an empty manifest."""

import uuid

from jobs.crm.access import Access
from jobs.crm.adapter import CrmError
from jobs.crm.drop_folder import Folder, Manifest


def install(access: Access, dry_run: bool = False) -> list[str]:
    """Make what is missing; returns what was made, or with `dry_run` would be.

    A folder is never taken into use by a delivery: one that is not mounted would be begun anew.

    Raises:
        CrmError: we may not write there, or it is in use for another key.
    """
    folder, key = Folder(access.options["folder"]), access.options["key"]
    found = folder.manifest()
    if found is not None and found.key != key:
        raise CrmError("data", f"{folder.place} is in use with the key {found.key}: take another")
    if found is not None:
        return []
    if not dry_run:
        folder.make()
        folder.take(Manifest(uuid.uuid4().hex, key))
    return [f"manifest of {folder.place}"]
