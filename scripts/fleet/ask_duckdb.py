#!/usr/bin/env python3
"""Questions to a dataset of traces, asked with DuckDB: pip install duckdb.

    scripts/fleet/ask_duckdb.py DATASET [--release BASE NEW]"""

import datetime
import pathlib
import sys

import duckdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fleet

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

arguments = fleet.options("DuckDB")
connection = duckdb.connect()
for table in fleet.TABLES:
    files = f"{arguments.dataset}/{table}/**/*.parquet".replace("'", "''")
    connection.execute(
        f"CREATE VIEW {table} AS FROM read_parquet('{files}', hive_partitioning = true, "
        "hive_types_autocast = false)"
    )


def keep(name, sql):
    connection.execute(f"CREATE TEMP TABLE {name} AS {sql}")


def rows(sql):
    found = connection.sql(sql)
    if found is None:
        return []
    # Python objects for times with a zone would need another package.
    columns = [
        f'epoch_us("{name}")' if "WITH TIME ZONE" in str(type_) else f'"{name}"'
        for name, type_ in zip(found.columns, found.types)
    ]
    times = [column.startswith("epoch_us") for column in columns]
    return [
        {
            name: EPOCH + datetime.timedelta(microseconds=value) if is_time and value is not None else value
            for name, value, is_time in zip(found.columns, row, times)
        }
        for row in found.project(", ".join(columns)).fetchall()
    ]


fleet.show(arguments, "duckdb", keep, rows)
