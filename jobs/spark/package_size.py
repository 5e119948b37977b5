"""A package size as the trade writes it, "6 PK/12 OZ", as an amount in one of a few units."""

from pyspark.sql import Column
from pyspark.sql import functions as F

# unit as written → (unit of its kind, how many of that it is)
UNITS = {
    # an ounce is one of weight or one of volume, and lists do not say which: both stay ounces
    **dict.fromkeys(("OZ", "OZS", "FL OZ"), ("oz", 1.0)),
    **dict.fromkeys(("LB", "LBS"), ("oz", 16.0)),
    "PT": ("oz", 16.0),
    "QT": ("oz", 32.0),
    **dict.fromkeys(("GAL", "GA"), ("oz", 128.0)),
    "ML": ("ml", 1.0),
    **dict.fromkeys(("L", "LT", "LTR"), ("ml", 1000.0)),
    **dict.fromkeys(("G", "GM", "GR"), ("g", 1.0)),
    "KG": ("g", 1000.0),
    **dict.fromkeys(("CT", "CTS", "PK", "PC", "EA", "STEM", "STEMS", "ROLL"), ("pieces", 1.0)),
    "DZ": ("pieces", 12.0),
}
# only what is in lowest terms is a part of one: 6/12 OZ may as well be six cans
FRACTION = "1/2|[12]/3|[13]/4|[1357]/8"
# five digits are an article number that slipped into the column (970665 PK of cigarettes), and one
# letter alone is no unit (L of large eggs);
# maybe packs of it; a number, a fraction, both or none; a unit; maybe the kind of package
GRAMMAR = (
    r"^(?!.$)(?:(\d{1,3}) *(?:PK|CT|P) *[/ ] *)?"
    rf"(?:(\d{{1,4}}(?:\.\d+)?|\.\d+)|(?:(\d{{1,3}}) +)?({FRACTION}))?[ -]*"
    rf"({'|'.join(sorted(UNITS, key=len, reverse=True))})\.?(?: (?:BAG|BOX|BTL|CAN|NR|PET))?$"
)
PACKS, NUMBER, WHOLE, PART, UNIT = range(1, 6)


def amount(size: str) -> Column:
    """How much is in a package, in `unit`; null where the size is no amount of a known unit."""
    part = F.split(_group(size, PART), "/")
    part_of_one = part[0].cast("double") / part[1].cast("double")
    mixed = F.coalesce(_number(size, WHOLE), F.lit(0.0)) + part_of_one
    each = F.coalesce(_number(size, NUMBER), mixed, F.lit(1.0))
    factor = _of_unit(size, {name: factor for name, (_, factor) in UNITS.items()})
    return F.round(F.coalesce(_number(size, PACKS), F.lit(1.0)) * each * factor, 4)


def unit(size: str) -> Column:
    """oz, ml, g or pieces; null where the size is no amount of a known unit."""
    return _of_unit(size, {name: unit for name, (unit, _) in UNITS.items()})


def _group(size: str, number: int) -> Column:
    """What the size has in this place; null where it has nothing there."""
    text = F.upper(F.trim(F.regexp_replace(F.col(size), r"\s+", " ")))
    found = F.regexp_extract(text, GRAMMAR, number)
    return F.when(found != "", found)


def _number(size: str, number: int) -> Column:
    return _group(size, number).cast("double")


def _of_unit(size: str, told: dict[str, str] | dict[str, float]) -> Column:
    pairs = [F.lit(each) for pair in told.items() for each in pair]
    return F.try_element_at(F.create_map(*pairs), _group(size, UNIT))
