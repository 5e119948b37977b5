"""What Salesforce needs before scores are delivered, written as a folder that is deployed to it.

Fields can be made over the Metadata API only, which the vendor's own CLI speaks: an administrator
deploys the folder with it, and no credential of theirs comes near us.
https://developer.salesforce.com/docs/platform/salesforce-cli-reference/guide/cli_reference_project_deploy_start.html
"""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from jobs.crm.access import Access
from jobs.crm.adapter import CrmError
from jobs.crm.salesforce_install_parts import all_rights
from jobs.crm.salesforce_install_xml import files
from jobs.crm.salesforce_session import API_VERSION
from jobs.settings import settings

ASKS = ""  # no credential: nothing is sent to the CRM
DEPLOYED = "metadata"  # folder of what is deployed, in the CLI's project
MOST = 40  # characters of a field's name, what Salesforce adds to it apart
NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")


def install(admin: Access, dry_run: bool = False) -> list[str]:
    """Write the files that are missing or outdated; returns their paths, also with `dry_run`.

    Raises:
        CrmError: the connection's object or key cannot have such a field.
    """
    outdated = {
        path: content
        for path, content in _wanted(admin).items()
        if not path.exists() or path.read_bytes() != content
    }
    if not dry_run:
        for path, content in outdated.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return [str(path) for path in outdated]


def left_to_do(admin: Access) -> list[str]:
    """What an administrator of Salesforce does then."""
    home = folder(admin)
    delivery, creation, people = (rights.name for rights in all_rights(admin.options["key"]))
    return [
        "what is left to an administrator of Salesforce, with its CLI:",
        f"  cd {shlex.quote(str(home))}",
        "  sf org login web --alias sales",
        f"  sf project deploy start --metadata-dir {DEPLOYED} --target-org sales --dry-run",
        f"  sf project deploy start --metadata-dir {DEPLOYED} --target-org sales",
        f"  sf org assign permset --name {delivery} --target-org sales --on-behalf-of USER",
        f"USER: whom the connected app runs as; to create customers it needs {creation} too.",
        f"Salespeople need {people}: without it nobody sees the fields. See docs/salesforce.md.",
    ]


def folder(admin: Access) -> Path:
    """The CLI's project, one for each connection and object."""
    sobject = admin.options["object"]
    return settings().state / "crm" / "metadata" / admin.connection / sobject


def _wanted(admin: Access) -> Mapping[Path, bytes]:
    sobject, key = admin.options["object"], admin.options["key"]
    own = key.removesuffix("__c")
    if own == key or not NAME.fullmatch(own) or len(own) > MOST:
        raise CrmError(
            "data",
            f"{admin.connection}: server.key {key} is no field that can be made: letters, digits "
            f"and single _, {MOST} at most, and __c, such as Sales_Account_Id__c",
        )
    if not re.fullmatch(r"\w+", sobject, re.ASCII):
        raise CrmError(
            "data", f"{admin.connection}: server.object {sobject} is no object, such as Contact"
        )
    version = admin.options.get("api_version", API_VERSION)
    home = folder(admin)
    made = files(sobject, key, version)
    return {
        home / "sfdx-project.json": _project(version),
        **{home / DEPLOYED / path: content for path, content in made.items()},
    }


def _project(version: str) -> bytes:
    """The CLI works in a project only.

    https://developer.salesforce.com/docs/atlas.en-us.sfdx_dev.meta/sfdx_dev/sfdx_dev_ws_config.htm
    """
    folders = [{"path": DEPLOYED, "default": True}]
    told = {"packageDirectories": folders, "sourceApiVersion": version}
    return json.dumps(told, indent=2).encode() + b"\n"
