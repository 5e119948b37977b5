"""Names and texts as SQL writes them, in every dialect that we speak: a quote within is doubled."""


def identifier(name: str) -> str:
    """A name, such as a column's."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text; what a CRM says may be any."""
    return "'" + text.replace("'", "''") + "'"
