#!/usr/bin/env python3
"""Questions to a dataset of traces, asked with DuckDB: pip install duckdb.

    scripts/fleet-duckdb.py DATASET [--release BASE NEW]"""

import pathlib
import sys

import duckdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import fleet

arguments = fleet.options("DuckDB")
connection = duckdb.connect()
for table in fleet.TABLES:
    files = f"{arguments.dataset}/{table}/**/*.parquet".replace("'", "''")
    connection.execute(
        f"CREATE VIEW {table} AS FROM read_parquet('{files}', hive_partitioning = true, "
        "hive_types = {'host': VARCHAR, 'date': DATE, 'trace': VARCHAR})"
    )


def keep(name, sql):
    connection.execute(f"CREATE TEMP TABLE {name} AS {sql}")


def rows(sql):
    found = connection.execute(sql)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row)) for row in found.fetchall()]


fleet.show(arguments, "duckdb", keep, rows)
