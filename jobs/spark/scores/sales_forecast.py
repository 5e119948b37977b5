"""scores.sales_forecast: one row per series, grain, as-of date and day or week that is forecast.

The grade says how sure the forecast is (how close p10 and p90 lie), the trend how the whole horizon
has moved against the forecast before.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.grading import SCORE_COLUMNS, grade, newest_answers, reasons, trend
from jobs.table import Events, Input, window

LOOK_BACK_DAYS = 35  # an older forecast is not compared with: the trend is then new
TREND_STEP = 0.05  # of the horizon's sales: five percent more or less
CERTAINTY_FLOORS = (0.8, 0.65, 0.5, 0.3)  # of p10 / p90, for A to D
NARROW, WIDE = CERTAINTY_FLOORS[1], CERTAINTY_FLOORS[2]  # where the range becomes a reason

SCHEMA = f"""
    series_id string not null comment 'department',
    grain string not null comment 'week or day',
    ds date not null comment 'day, or Monday of the week, that is forecast',
    horizon int not null comment 'steps of the grain after as_of_date, the first is 1',
    p10 double not null comment 'USD; sales stay below with probability .1',
    p50 double not null comment 'USD; median',
    p90 double not null comment 'USD; sales stay below with probability .9',
    {SCORE_COLUMNS.strip()}
"""

SERIES = ("series_id", "grain", "as_of_date")


def movements(answers: DataFrame) -> DataFrame:
    """One row per series and date: the horizon's sales against the forecast before, 1 = alike."""
    in_time = Window.partitionBy("series_id", "grain").orderBy("as_of_date")
    days_since = F.datediff("as_of_date", F.lag("as_of_date").over(in_time))
    before = F.when(days_since <= LOOK_BACK_DAYS, F.lag("expected").over(in_time))
    return (
        answers.groupBy(*SERIES)
        # steps: forecasts of another length are compared by their mean
        .agg(F.avg("p50").alias("expected"))
        .withColumn("ratio", F.col("expected") / F.nullif(before, F.lit(0.0)))
        .select(*SERIES, "ratio")
    )


def make(landed: DataFrame) -> DataFrame:
    answers = landed.transform(newest_answers, "as_of_date", "grain")
    certainty = F.greatest("p10", F.lit(0.0)) / F.nullif(F.col("p90"), F.lit(0.0))
    ratio = F.col("ratio")
    moved = trend(ratio, F.when(ratio.isNotNull(), F.lit(1.0)), TREND_STEP)
    why = F.array(
        F.when(certainty >= NARROW, "narrow_range").when(certainty < WIDE, "wide_range"),
        F.when(moved == "improving", "higher_than_before").when(
            moved == "declining", "lower_than_before"
        ),
    )
    return answers.join(movements(answers), on=list(SERIES), how="inner").select(
        "series_id",
        "grain",
        "ds",
        "horizon",
        "p10",
        "p50",
        "p90",
        F.lit("expected_sales_usd").alias("score_name"),
        F.col("p50").alias("score"),
        grade(certainty, CERTAINTY_FLOORS).alias("grade"),
        moved.alias("trend"),
        reasons(why).alias("reasons"),
        "model_name",
        "model_version",
        "feature_version",
        "as_of_date",
        "valid_until",
    )


TABLE = Events(
    "scores.sales_forecast",
    SCHEMA,
    key=(*SERIES, "ds"),
    slice="as_of_date",
    inputs=(
        Input(
            "bronze.sales_forecasts",
            touches=window(before=0, after=LOOK_BACK_DAYS, on="as_of_date"),
        ),
    ),
    make=make,
)
