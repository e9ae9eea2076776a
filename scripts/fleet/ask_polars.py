#!/usr/bin/env python3
"""Questions to a dataset of traces, asked with Polars: pip install polars.

    scripts/fleet/ask_polars.py DATASET [--release BASE NEW]"""

import pathlib
import sys

import polars as pl

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fleet

arguments = fleet.options("Polars")
context = pl.SQLContext()
for table in fleet.TABLES:
    files = f"{arguments.dataset}/{table}/**/*.parquet"
    partitions = {"host": pl.String, "date": pl.Date, "trace": pl.String}
    context.register(table, pl.scan_parquet(files, hive_partitioning=True, hive_schema=partitions))


def answer(sql):
    return context.execute(fleet.for_polars(sql)).collect(engine="streaming")


def keep(name, sql):
    context.register(name, answer(sql).lazy())


fleet.show(arguments, "polars", keep, lambda sql: answer(sql).to_dicts())
