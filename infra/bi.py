"""The SQL server for BI tools: a JVM of its own that knows the published tables and nothing else.

`python -m infra.bi` writes the JVM's files and becomes the JVM. Spark itself cannot keep a login
to some tables: it has no GRANT, any login can read files by path, call Java and run programs. So
this JVM has no metastore, writes nothing, and lets through only what infra/java/Guard.java allows.
"""

import os
import sys
from pathlib import Path

from infra import driver, spark
from infra.jars import jars, spark_home
from infra.java import compiled
from infra.java.find import java_home
from jobs import command
from jobs.settings import ROOT, Settings, settings
from jobs.table import names

USER, SECRET = "bi", "thrift_bi"
SOURCES = (
    "Allowed.java",
    "Guard.java",
    "Login.java",
    "Published.java",
    "Server.java",
    "Unasked.java",
)

# What people and their tools read: documented columns, plain Delta, nobody's name or address.
PUBLISHED = (*names(("gold", "scores")), "ops.freshness", "ops.quality")

LONGEST = 600  # seconds that one query may take

# Of a person's own settings of Spark's, those by which a lake elsewhere is reached.
OF_THE_LAKE = ("spark.hadoop.fs.", "spark.delta.logStore.", "spark.driver.extraClassPath")

# What this process inherits: no other service's password, key or token.
INHERITED = (
    *("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TZ", "SALES_SERVICES_OF"),
    "GOOGLE_APPLICATION_CREDENTIALS",  # names a file
)


def argv(settings: Settings) -> list[str]:
    """The command that becomes the JVM; give it `environment(settings)`, in any folder."""
    return [sys.executable, "-m", "infra.bi"]


def environment(settings: Settings) -> dict[str, str]:
    """What the process needs beside the environment it inherits; the password is made here."""
    return {
        **settings.environment(),
        "PYTHONPATH": str(ROOT),
        f"SALES_SECRET_{SECRET.upper()}": settings.make_secret(SECRET),
    }


def home(settings: Settings) -> Path:
    """The JVM's working folder."""
    return settings.state / "bi"


def properties(settings: Settings) -> dict[str, str]:
    """Every setting of the JVM."""
    work = home(settings)
    scratch = work / "scratch"
    ours = compiled.classes(settings, "bi", *SOURCES, needs=jars(settings))
    class_path = [*jars(settings), *driver.classes(settings), ours]
    # as the JVM's own properties: Hive's login looks for its class nowhere else
    hive = {
        "hive.server2.thrift.port": str(settings.thrift_port),
        "hive.server2.thrift.bind.host": "127.0.0.1",
        "hive.server2.authentication": "CUSTOM",
        "hive.server2.custom.authentication.class": "saleslakehouse.Login",
        "hive.security.authorization.manager": "saleslakehouse.Unasked",
        "hive.exec.scratchdir": f"{scratch}/hive",
    }
    told = {
        "spark.app.name": "sales-lakehouse-bi",
        "spark.master": f"local[{settings.spark_cores}]",
        "spark.driver.memory": settings.bi_memory,
        "spark.driver.extraJavaOptions": " ".join(
            [
                f"-Djava.io.tmpdir={scratch} -Duser.timezone=UTC -XX:+ExitOnOutOfMemoryError",
                *(f"-D{name}={value}" for name, value in hive.items()),
            ]
        ),
        # not spark.jars: with the Thrift server it breaks Delta once any Thrift client disconnects
        "spark.driver.extraClassPath": ":".join(str(each) for each in class_path),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": str(scratch),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.ui.retainedJobs": "50",
        "spark.ui.retainedStages": "50",
        "spark.ui.retainedTasks": "500",
        "spark.sql.ui.retainedExecutions": "50",
        "spark.scheduler.mode": "FAIR",
        "spark.scheduler.allocation.file": f"file://{work}/pools.xml",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension,saleslakehouse.Guard",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.catalogImplementation": "in-memory",
        # or a tool that asks for columns by the protocol, not by SQL, gets none
        "spark.databricks.delta.catalog.update.enabled": "true",
        # Delta 4.4.0 answers max(date) from the log alone, as a class that Thrift cannot cast
        "spark.databricks.delta.optimizeMetadataQuery.enabled": "false",
        # a large answer goes out part by part, not through the heap as a whole
        "spark.sql.thriftServer.incrementalCollect": "true",
        "spark.driver.maxResultSize": "512m",
        "spark.sql.thriftServer.queryTimeout": str(LONGEST),
        # or '${env:NAME}' in a statement is the value of that variable of this process
        "spark.sql.variable.substitute": "false",
        "spark.sql.warehouse.dir": f"{work}/warehouse",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "4",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.saleslakehouse.lake": settings.lake_uri,
        "spark.saleslakehouse.published": " ".join(PUBLISHED),
    }
    return driver.with_own(settings, told | driver.object_store(settings), OF_THE_LAKE)


def prepare(settings: Settings) -> None:
    """Write the JVM's files."""
    work = home(settings)
    (work / "scratch").mkdir(parents=True, exist_ok=True)
    (work / "pools.xml").write_text(spark.POOLS)
    (work / "log4j2.properties").write_text(spark.LOGGING)
    driver.write(work / "spark.properties", properties(settings))


def command_line(settings: Settings) -> list[str]:
    """The JVM's own command line: no secret in it."""
    return [
        str(spark_home() / "bin/spark-submit"),
        *("--properties-file", str(home(settings) / "spark.properties")),
        *("--class", "saleslakehouse.Server", "spark-internal"),
    ]


def main() -> None:
    """Become the JVM."""
    prepare(settings())
    os.chdir(home(settings()))
    told = {name: os.environ[name] for name in INHERITED if name in os.environ}
    told |= (
        environment(settings())
        | driver.credentials(settings())
        | {
            "JAVA_HOME": str(java_home(settings())),
            "SPARK_HOME": str(spark_home()),
            "SPARK_CONF_DIR": str(home(settings())),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_HOSTNAME": "localhost",
        }
    )
    line = command_line(settings())
    os.execve(line[0], line, told)  # noqa: S606 the process becomes the JVM


if __name__ == "__main__":
    command.run(main)
