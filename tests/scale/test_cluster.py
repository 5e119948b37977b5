"""The same jobs on a real Spark cluster, a master and two workers: by Connect, by submission."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra import cluster, driver, supervision
from infra.cluster import Size
from jobs.settings import Settings
from tests.conftest import free_ports, server, settled
from tests.scale import company
from tests.scale.conftest import SECONDS, kill_when, own, start

pytestmark = [pytest.mark.services, pytest.mark.proof]

WORKERS = Size(workers=2, cores=1, memory="1g")


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A master and two workers of one core."""
    here = own(tmp_path_factory.mktemp("cluster"), 50)
    try:
        cluster.start(here, WORKERS)
        yield here
    finally:
        cluster.stop(here)


@pytest.fixture
def told(workers: Settings, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings of a state of the test's own whose jobs run on the cluster; they hold here."""
    told = {
        "SALES_STATE": str(tmp_path),
        "SALES_PORT_BASE": str(free_ports(5)),
        "SPARK_MASTER": cluster.address(workers),
        "SPARK_CORES": "2",
        "SPARK_DRIVER_MEMORY": "1g",
        "SPARK_PROPERTIES": str(quick_start(tmp_path)),
        "SALES_SECRET_SPARK_CLUSTER": workers.secret(driver.CLUSTER_SECRET),
    }
    with settled(told):
        yield told


def quick_start(folder: Path) -> Path:
    """Short runs: what the JVM's second compiler gains it does not earn back."""
    path = folder / "own.properties"
    path.write_text("spark.executor.extraJavaOptions -XX:TieredStopAtLevel=1\n")
    return path


def worker(workers: Settings, number: int) -> psutil.Process:
    supervisor = supervision.supervisor(cluster.at(workers))
    return psutil.Process(supervisor.getProcessInfo(f"spark-worker-{number}")["pid"])


def applications(workers: Settings, number: int) -> set[str]:
    """Drivers for which a worker has computed."""
    home = cluster.at(workers).state / f"worker-{number}"
    return {path.name for path in home.glob("app-*")}


def submitted() -> psutil.Popen:
    return start("infra.submit", *company.TABLES)


def test_two_days_by_connect_while_a_worker_is_killed(
    told: dict[str, str], workers: Settings, tmp_path: Path
) -> None:
    with server(tmp_path, **told) as running, settled(running.environment):
        company.land(company.MONDAY)
        company.build_all()
        assert applications(workers, 1) == applications(workers, 2) != set()
        company.land(company.TUESDAY)
        child = start("tests.scale.company")
        kill_when(worker(workers, 1), lambda: company.staged("silver.order_lines"))
        assert child.wait(SECONDS) == 0
        assert company.sales() == company.SALES
        assert {record.outcome for record in company.build_all().values()} == {"unchanged"}


def test_two_days_by_submission_of_which_one_is_killed(
    told: dict[str, str], workers: Settings
) -> None:
    company.land(company.MONDAY)
    kill_when(submitted(), lambda: company.staged("silver.order_lines"))
    company.land(company.TUESDAY)
    assert submitted().wait(SECONDS) == 0
    assert company.sales() == company.SALES
    assert company.refused() == [("bronze.order_lines", ["type(sales_usd)"])]


def test_nothing_of_the_cluster_listens_beyond_loopback_nor_takes_jobs_without_a_secret(
    workers: Settings,
) -> None:
    mine = supervision.leftovers(cluster.at(workers))
    heard = {c.laddr for p in mine for c in p.net_connections() if c.status == psutil.CONN_LISTEN}
    assert {place.ip.removeprefix("::ffff:") for place in heard} == {"127.0.0.1"}
    assert 6066 not in {place.port for place in heard}  # where Spark takes jobs over REST
    secret = workers.secret(driver.CLUSTER_SECRET)
    assert not [p for p in mine if secret in Path(f"/proc/{p.pid}/cmdline").read_text()]
