"""What builds write down leads from a table's version back to the files that were landed."""

from pathlib import Path

from jobs import lake as tables
from jobs import landing
from jobs.spark.build import build
from jobs.training.family import Dataset
from jobs.training.lineage import Node, built
from tests.spark import toys


def every(node: Node) -> list[Node]:
    return [node, *(found for each in node.rests_on for found in every(each))]


def batches(name: str, version: int) -> dict[str, str]:
    """Batch → folder of the lines that a table's version rests on."""
    found = every(built(Dataset(name, version), set()))
    [node] = [n for n in found if n.what == "batches" and n.name == "landing/toy_lines"]
    folders: dict[str, str] = node.told["folders"]
    return folders


def test_a_version_rests_on_the_batches_that_were_there_when_it_was_built(shop: Path) -> None:
    before = tables.version(toys.TRAILING.name)
    later = toys.land_lines(shop.parent, toys.day(1), [("o2", "p1", toys.noon(1), "2")])
    for toy in toys.ALL:
        build(toy)
    after = tables.version(toys.DAYS.name)
    assert later.batch_id not in batches(toys.TRAILING.name, before)
    told = batches(toys.DAYS.name, after)
    assert told[later.batch_id] == later.source_folder
    assert set(told) == set(landing.manifests("toy_lines"))
