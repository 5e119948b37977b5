"""What Spark is told for a cluster, for a lake on S3, and by a person."""

from pathlib import Path

from infra import bi, driver
from jobs.settings import Settings, from_environment

JARS = [Path("/jars/delta.jar"), Path("/classes")]


def told(tmp_path: Path, **given: str) -> Settings:
    return from_environment({"SALES_STATE": str(tmp_path), **given})


def test_alone_on_local_disk_nothing_is_added(tmp_path: Path) -> None:
    here = told(tmp_path, SPARK_CORES="3")
    assert driver.master(here) == "local[3]"
    assert driver.cluster(here, JARS) == driver.object_store(here) == driver.credentials(here) == {}
    assert not list(tmp_path.iterdir())


def test_a_cluster_computes_with_our_code_and_a_secret(tmp_path: Path) -> None:
    here = told(tmp_path, SPARK_MASTER="spark://10.0.0.5:7077", SPARK_CORES="16")
    found = driver.cluster(here, JARS)
    assert driver.master(here) == "spark://10.0.0.5:7077"
    assert found["spark.cores.max"] == "16"
    assert found["spark.executor.extraClassPath"] == "/jars/delta.jar:/classes"
    assert found["spark.authenticate.secret"] == here.secret("spark_cluster")
    # YARN makes one for each application by itself
    assert "spark.authenticate.secret" not in driver.cluster(
        told(tmp_path, SPARK_MASTER="yarn"), JARS
    )


def test_a_lake_on_s3_has_its_keys_in_the_environment_alone(tmp_path: Path) -> None:
    here = told(tmp_path, LAKE_URI="s3a://lake/sales", S3_ENDPOINT="http://127.0.0.1:9000")
    assert driver.credentials(here) == {}  # the machine's role, say
    keys = [here.make_secret(name) for name in ("s3_key_id", "s3_secret_key")]
    assert [*driver.credentials(here).values()] == keys
    found = driver.object_store(here)
    assert found["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:9000"
    assert found["spark.hadoop.fs.s3a.connection.ssl.enabled"] == "false"
    assert not [value for value in found.values() if value in keys]


def test_a_person_s_settings_go_before_ours_and_lists_are_joined(tmp_path: Path) -> None:
    own = tmp_path / "own.properties"
    own.write_text(
        "# as Spark reads them\n\nspark.executor.memory = 8g\nspark.ui.enabled true\n"
        "spark.driver.extraJavaOptions -Da=b -Dc=d\nspark.driver.extraClassPath /azure.jar\n"
    )
    ours = {"spark.ui.enabled": "false", "spark.driver.extraClassPath": "/delta.jar", "x": "y"}
    ours |= {"spark.driver.extraJavaOptions": "-Duser.timezone=UTC"}
    assert driver.with_own(told(tmp_path, SPARK_PROPERTIES=str(own)), ours) == {
        "spark.executor.memory": "8g",
        "spark.ui.enabled": "true",
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -Da=b -Dc=d",
        "spark.driver.extraClassPath": "/delta.jar:/azure.jar",
        "x": "y",
    }


def test_a_person_s_garbage_collector_takes_the_place_of_ours(tmp_path: Path) -> None:
    own = tmp_path / "own.properties"
    own.write_text("spark.driver.extraJavaOptions -XX:+UseZGC -Da=b\n")
    ours = {"spark.driver.extraJavaOptions": "-XX:+UseParallelGC -XX:+ExitOnOutOfMemoryError"}
    found = driver.with_own(told(tmp_path, SPARK_PROPERTIES=str(own)), ours)
    assert found == {
        "spark.driver.extraJavaOptions": "-XX:+ExitOnOutOfMemoryError -XX:+UseZGC -Da=b"
    }


def test_the_server_for_tools_takes_of_them_how_the_lake_is_reached(tmp_path: Path) -> None:
    own = tmp_path / "own.properties"
    own.write_text(
        "spark.hadoop.fs.azure.account.key.a.dfs.core.windows.net k\n"
        "spark.driver.extraClassPath /azure.jar\nspark.sql.extensions own.Extension\n"
    )
    told_of_it = bi.properties(told(tmp_path, SPARK_PROPERTIES=str(own)))
    assert told_of_it["spark.hadoop.fs.azure.account.key.a.dfs.core.windows.net"] == "k"
    assert told_of_it["spark.driver.extraClassPath"].endswith(":/azure.jar")
    assert "own.Extension" not in told_of_it["spark.sql.extensions"]
