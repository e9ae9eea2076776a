#!/usr/bin/env python3
"""Questions to a dataset of traces, asked with Spark, on this machine or a cluster: pip install pyspark, and Java 17.

    scripts/fleet/ask_spark.py DATASET [--release BASE NEW]
    spark-submit scripts/fleet/ask_spark.py s3a://bucket/fleet"""

import os
import pathlib
import sys

from pyspark.sql import SparkSession

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fleet

arguments = fleet.options("Spark")
builder = SparkSession.builder.appName("pft fleet")
if "SPARK_ENV_LOADED" not in os.environ:
    # Without spark-submit: this machine alone.
    cores = len(os.sched_getaffinity(0))
    builder = builder.master(f"local[{cores}]").config("spark.ui.enabled", False).config("spark.ui.showConsoleProgress", False)
    builder = builder.config("spark.driver.memory", os.environ.get("SPARK_DRIVER_MEMORY", "2g"))
# Traces and hosts whose names are digits stay words.
builder = builder.config("spark.sql.sources.partitionColumnTypeInference.enabled", False)
session = builder.getOrCreate()
session.sparkContext.setLogLevel("ERROR")
# What is shuffled are sums of traces: 200 parts, the default, would be tiny.
session.conf.set("spark.sql.shuffle.partitions", 2 * session.sparkContext.defaultParallelism)
for table in fleet.TABLES:
    session.read.parquet(f"{arguments.dataset}/{table}").createOrReplaceTempView(table)


def keep(name, sql):
    session.sql(sql).cache().createOrReplaceTempView(name)


def rows(sql):
    return [row.asDict() for row in session.sql(sql).collect()]


fleet.show(arguments, "spark", keep, rows)
session.stop()
