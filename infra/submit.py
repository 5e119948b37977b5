"""Builds by spark-submit: `python -m infra.submit silver.order_lines`, arguments as of the build.

For a cluster on which no Spark JVM stays up: the driver starts, builds, and is gone. The
application is infra/submitted.py; a scheduler that submits by itself takes the same file and the
properties that are written here.
"""

import os
from pathlib import Path

import typer

from infra import driver, spark
from infra.jars import spark_home
from infra.java.find import java_home
from jobs import command
from jobs.settings import ROOT, Settings, settings

app = typer.Typer(add_completion=False, help=__doc__)

APPLICATION = ROOT / "infra/submitted.py"


def properties(settings: Settings) -> dict[str, str]:
    """Those of the JVM that stays up; Connect listens on a free port, its token is made there."""
    told = spark.properties(settings)
    del told["spark.connect.authenticate.token"]
    return told | {
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.port": "0",
    }


def file(settings: Settings) -> Path:
    return spark.home(settings) / "submit.properties"


def command_line(settings: Settings, arguments: list[str]) -> list[str]:
    """No secret in it."""
    program = str(spark_home() / "bin/spark-submit")
    return [program, "--properties-file", str(file(settings)), str(APPLICATION), *arguments]


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def main(arguments: typer.Context) -> None:
    """Write Spark's settings and become spark-submit."""
    here = settings()
    spark.prepare(here)
    driver.write(file(here), properties(here))
    os.chdir(spark.home(here))
    os.environ.update(
        spark.environment(here),
        **driver.credentials(here),
        JAVA_HOME=str(java_home(here)),
        SPARK_HOME=str(spark_home()),
        SPARK_CONF_DIR=str(spark.home(here)),
    )
    line = command_line(here, arguments.args)
    os.execv(line[0], line)  # noqa: S606 its end is this command's end


if __name__ == "__main__":
    command.run(app)
