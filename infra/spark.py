"""The Spark JVM of the jobs: Spark Connect and Delta, in one process on loopback.

`python -m infra.spark` takes the lake's lock, writes the JVM's files and becomes the JVM.
"""

import fcntl
import os
import sys
from pathlib import Path

from infra import driver
from infra.jars import jars, spark_home
from infra.java import compiled
from infra.java.find import java_home
from jobs import command
from jobs.settings import ROOT, Settings, settings

# By default what runs in a pool stands in one line. Jobs and tools' queries, each in a JVM of its
# own, all run in the default pool: Spark Connect cannot name another.
POOLS = """<?xml version="1.0"?>
<allocations>
  <pool name="default">
    <schedulingMode>FAIR</schedulingMode>
  </pool>
</allocations>
"""

LOGGING = """
rootLogger.level = warn
rootLogger.appenderRef.stdout.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_OUT
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss} %p %c{1}: %m%n%ex{short}
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
logger.hive.name = org.apache.hadoop.hive
logger.hive.level = error
logger.namespace.name = org.apache.spark.sql.execution.datasources.v2.CreateNamespaceExec
logger.namespace.level = error
# these two write down, with their stacks, what the client is told anyway
logger.metastore.name = org.apache.hadoop.hive.metastore.RetryingHMSHandler
logger.metastore.level = off
logger.rpc.name = org.apache.spark.sql.connect.utils.ErrorUtils
logger.rpc.level = off
# Delta tables are not for Hive's own readers: known, said for every table
logger.catalog.name = org.apache.spark.sql.hive.HiveExternalCatalog
logger.catalog.level = error
"""


class LakeInUse(Exception):
    """Another JVM writes this lake."""


def argv(settings: Settings) -> list[str]:
    """The command that becomes the JVM; give it `environment(settings)`, in any folder."""
    return [sys.executable, "-m", "infra.spark"]


def environment(settings: Settings) -> dict[str, str]:
    """What the JVM's process needs beside the environment it inherits."""
    is_here = settings.spark_host == "127.0.0.1"
    return {
        **settings.environment(),
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": settings.spark_host,
        "SPARK_LOCAL_HOSTNAME": "localhost" if is_here else settings.spark_host,
    }


def home(settings: Settings) -> Path:
    """The JVM's working folder: its files and temporary space."""
    return settings.state / "spark"


def properties(settings: Settings) -> dict[str, str]:
    """Every setting of the JVM."""
    work = home(settings)
    scratch = work / "scratch"
    ours = compiled.classes(settings, "connect", "Connect.java")
    class_path = [*jars(settings), *driver.classes(settings), ours]
    # batch work on few cores: the parallel collector builds faster than G1, in more memory
    options = f"-Djava.io.tmpdir={scratch} -Duser.timezone=UTC -XX:+UseParallelGC"
    told = {
        "spark.app.name": "sales-lakehouse",
        "spark.master": driver.master(settings),
        "spark.driver.memory": settings.driver_memory,
        "spark.driver.extraJavaOptions": f"{options} -XX:+ExitOnOutOfMemoryError",
        "spark.driver.extraClassPath": ":".join(str(each) for each in class_path),
        "spark.driver.bindAddress": settings.spark_host,
        "spark.driver.host": settings.spark_host,
        "spark.local.dir": str(scratch),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # kept in the heap for a page that is off: of each, a thousand by default
        "spark.ui.retainedJobs": "50",
        "spark.ui.retainedStages": "50",
        "spark.ui.retainedTasks": "500",
        "spark.sql.ui.retainedExecutions": "50",
        "spark.connect.ui.retainedStatements": "50",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(settings.spark_port),
        "spark.connect.authenticate.token": settings.make_secret("spark_token"),
        # no session brings classes of its own: one loader for all (see Connect.java)
        "spark.sql.artifact.isolation.enabled": "false",
        "spark.sql.artifact.isolation.alwaysApplyClassloader": "false",
        # a table keeps one session id for ever: an id once closed must open again
        "spark.connect.session.manager.closedSessionsTombstonesSize": "0",
        "spark.connect.session.manager.defaultSessionTimeout": "24h",
        # or a process gets the plan of another one that numbered its frames alike, files and all;
        # and sixteen analysed plans stay in the heap for each table
        "spark.connect.session.planCache.enabled": "false",
        "spark.scheduler.mode": "FAIR",
        "spark.scheduler.allocation.file": f"file://{work}/pools.xml",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": f"{work}/warehouse",
        "spark.sql.session.timeZone": "UTC",
        # a hundred by default: sixty tables with a dozen plans each compiled all of them anew
        "spark.sql.codegen.cache.maxEntries": "4000",
        "spark.sql.shuffle.partitions": "4",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
    }
    beyond = driver.cluster(settings, class_path) | driver.object_store(settings)
    return driver.with_own(settings, told | beyond)


def prepare(settings: Settings) -> None:
    """Write the JVM's files; the one with the token is readable by the owner only."""
    work = home(settings)
    (work / "scratch").mkdir(parents=True, exist_ok=True)
    (work / "pools.xml").write_text(POOLS)
    (work / "log4j2.properties").write_text(LOGGING)
    driver.write(work / "spark.properties", properties(settings))


def hold(lake_uri: str) -> None:
    """Lock a local lake for this process and what it becomes; a kill -9 frees it.

    Two JVMs that write one local table lose commits.

    Raises:
        LakeInUse: another process holds it.
    """
    if "://" in lake_uri:
        return
    Path(lake_uri).mkdir(parents=True, exist_ok=True)
    handle = os.open(Path(lake_uri, ".writer.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 20).decode() or "unknown"
        raise LakeInUse(
            f"lake {lake_uri} is written by the Spark JVM of process {holder}; stop that one "
            "(`make down` in its checkout) or give this one another LAKE_URI"
        ) from None
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
    os.set_inheritable(handle, True)


def command_line(settings: Settings) -> list[str]:
    """The JVM's own command line: no secret in it."""
    work = home(settings)
    return [
        str(spark_home() / "bin/spark-submit"),
        *("--properties-file", str(work / "spark.properties")),
        *("--class", "saleslakehouse.Connect", "spark-internal"),
    ]


def main() -> None:
    """Hold the lake and become the JVM."""
    hold(settings().lake_uri)
    prepare(settings())
    os.chdir(home(settings()))
    os.environ.update(
        environment(settings()),
        **driver.credentials(settings()),
        JAVA_HOME=str(java_home(settings())),
        SPARK_HOME=str(spark_home()),
        SPARK_CONF_DIR=str(home(settings())),
    )
    line = command_line(settings())
    os.execv(line[0], line)  # noqa: S606 the process that holds the lock becomes the JVM


if __name__ == "__main__":
    command.run(main)
