"""Which versions of tables must stay readable: those that champions learnt from.

Of each family the champion, and the one before it: a rollback gives the alias back to that.
"""

import json

from jobs import lake
from jobs.ops.promotions import TABLE as PROMOTIONS
from jobs.training import tracking
from jobs.training.family import FAMILIES


def kept_versions() -> dict[str, int]:
    """Table → the oldest version that a champion, or the one before it, learnt from.

    Raises:
        tracking.TrackingDown: there were promotions, and MLflow cannot be asked about them.
    """
    oldest: dict[str, int] = {}
    for family in FAMILIES:
        for number in _versions_in_use(family):
            version = tracking.client().get_model_version(family, number)
            for told in json.loads(version.tags.get("datasets", "[]")):
                name = told["table"]
                oldest[name] = min(oldest.get(name, told["version"]), told["version"])
    return oldest


def _versions_in_use(family: str) -> list[str]:
    champion = tracking.champion(family)
    if champion is None:
        return []
    before = lake.read(
        PROMOTIONS.name,
        sql=f"select previous_version from t where family = '{family}'"  # noqa: S608
        f" and model_version = '{champion.version}' and decision = 'promoted'"
        " and previous_version is not null order by decided_at desc limit 1",
    )
    return [str(champion.version), *(str(row["previous_version"]) for row in before.to_pylist())]
