"""What Salesforce's error codes mean. Their messages quote values: they go no further.

https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
"""

import re
from collections.abc import Collection
from typing import Any

from jobs.crm.adapter import ErrorClass

CODE = re.compile(r"[A-Z][A-Z_]+")
NAME = re.compile(r"\w+")

# What is not here is `data`: the CRM will not take this record as it is
CLASSES: dict[str, ErrorClass] = {
    **dict.fromkeys(
        (
            *("UNABLE_TO_LOCK_ROW", "REQUEST_LIMIT_EXCEEDED", "REQUEST_RUNNING_TOO_LONG"),
            *("SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "API_CURRENTLY_DISABLED"),
            *("INVALID_QUERY_LOCATOR", "ALL_OR_NONE_OPERATION_ROLLED_BACK", "UNKNOWN_EXCEPTION"),
        ),
        "transient",
    ),
    **dict.fromkeys(
        (
            *("INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS", "INVALID_SESSION_ID"),
            *("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "API_DISABLED_FOR_ORG"),
            *("INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_FIELD", "INVALID_TYPE", "NOT_FOUND"),
            *("FUNCTIONALITY_NOT_ENABLED", "INVALIDENTITY", "INVALIDJOB", "INVALIDOPERATION"),
        ),
        "permission",
    ),
    **dict.fromkeys(
        # of a record that was deleted, and of one that is gone from the recycle bin too
        ("ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_LOCKED"),
        "conflict",
    ),
}
# A job that failed as a whole says why in words that begin so
OF_A_JOB = {"InvalidBatch": "INVALID_FIELD"}


def classified(code: str) -> ErrorClass:
    return CLASSES.get(code, "data")


def of_answer(content: Any) -> str:
    """The code of a request that was refused: `[{errorCode, message}]`, in OAuth `{error}`."""
    first = content[0] if isinstance(content, list) and content else content
    told = first.get("errorCode") or first.get("error") if isinstance(first, dict) else None
    return told if isinstance(told, str) and NAME.fullmatch(told) else "no_code"


def of_cell(error: str) -> str:
    """The code that a bulk job's `sf__Error` begins with."""
    found = CODE.match(error)
    return found[0] if found else "no_code"


def of_job(error: str) -> str:
    """The code of a failed job's `errorMessage`."""
    word = NAME.match(error)
    return OF_A_JOB.get(word[0], "UNKNOWN_EXCEPTION") if word else "UNKNOWN_EXCEPTION"


def reason(code: str, mentioned: str, ours: Collection[str]) -> str:
    """The code, and those of our fields that an error mentions: names of fields are no one's."""
    fields = sorted(set(NAME.findall(mentioned)) & set(ours))
    return f"{code}: {', '.join(fields)}" if fields else code
