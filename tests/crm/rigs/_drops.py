"""What both rigs of drops have alike."""

from collections.abc import Mapping

from jobs.crm.adapter import Kind

KEY = "code"
FIELDS = (
    "reasons:text value:number:4 places:integer as_of:date scored_at:timestamp is_new:boolean "
    "band:text:20"
)
PROBES: Mapping[Kind, str] = {
    "text": "reasons",
    "number": "value",
    "integer": "places",
    "date": "as_of",
    "timestamp": "scored_at",
    "boolean": "is_new",
}
TOO_MUCH = ("band", "no such band, and too long")
