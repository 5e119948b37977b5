"""The application that spark-submit runs: a driver that serves Spark Connect to a build.

So the jobs are the same everywhere. The build is a process of its own: a driver and a client of
Connect read the same environment differently. The port is on loopback; its token lives as long.
"""

import os
import secrets
import subprocess
import sys
import threading
import time

import typer
from pyspark.sql import SparkSession

from infra import spark
from jobs import command
from jobs.settings import settings

app = typer.Typer(add_completion=False, help=__doc__)


def started(token: str) -> SparkSession:
    """The driver, with a Connect server in it."""
    # of a process that used Connect and started this one: here is the server
    os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)
    return SparkSession.builder.config("spark.connect.authenticate.token", token).getOrCreate()


def reach(driver: SparkSession, token: str) -> dict[str, str]:
    """The environment of a process that is to reach the driver."""
    package = driver._jvm.org.apache.spark.sql.connect.service
    # what Scala calls an object is an instance of a class of that name, to others
    service = getattr(getattr(package, "SparkConnectService$"), "MODULE$")
    told = {
        "SPARK_CONNECT_PORT": str(service.server().getPort()),
        "SALES_SECRET_SPARK_TOKEN": token,
    }
    # spark-submit says MASTER to all it starts, and a client of Connect may not hear it
    return {name: value for name, value in os.environ.items() if name != "MASTER"} | told


def end_with(parent: int, build: subprocess.Popen[bytes]) -> None:
    """A driver that was killed leaves the build waiting for answers, and this holding the lake."""
    while os.getppid() == parent:
        time.sleep(1)
    build.kill()
    os._exit(1)


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def main(arguments: typer.Context) -> None:
    """Hold the lake, start the driver, build."""
    spark.hold(settings().lake_uri)
    token = secrets.token_urlsafe(32)
    driver = started(token)
    line = [sys.executable, "-m", "jobs.spark.build", *arguments.args]
    build = subprocess.Popen(line, env=reach(driver, token))
    threading.Thread(target=end_with, args=[os.getppid(), build], daemon=True).start()
    code = build.wait()
    # or the server's threads keep the JVM up
    driver.stop()
    sys.exit(code)


if __name__ == "__main__":
    command.run(app)
