#!/usr/bin/env python3
"""Copies a dataset of traces into few large files, with DuckDB: pip install duckdb.

    scripts/fleet/compact.py DATASET OUTPUT [--before 2026-11-20]

Every table has one file a day: OUTPUT/TABLE/date=DATE/part-0.parquet, in the order of hosts and traces, so that statistics of row groups
tell readers what to pass over. `host` and `trace` are columns there. A day that OUTPUT has is passed over: with --before, days
are copied when no more traces of them come. OUTPUT is for questions; `pfreport dataset` adds to DATASET."""

import argparse
import pathlib

import duckdb

NULL = "__HIVE_DEFAULT_PARTITION__"
ROWS = 131_072


def text(value):
    return "'" + str(value).replace("'", "''") + "'"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--before", metavar="DATE", default="9999", help="leave out this day, and later ones")
    arguments = parser.parse_args()
    connection = duckdb.connect()
    copied = 0
    for table in sorted(path.name for path in arguments.dataset.iterdir() if path.is_dir() and path.name[0] != "."):
        folder = arguments.dataset / table
        # One file without rows has the columns of a table that no trace has rows in.
        dates = sorted({path.name.removeprefix("date=") for path in folder.glob("host=*/date=*")})
        for date in [date for date in dates if date == NULL or date < arguments.before]:
            place = arguments.output / table / f"date={date}"
            if place.exists():
                continue
            partial = arguments.output / f".{table}.partial"
            partial.mkdir(parents=True, exist_ok=True)
            files = folder / "host=*" / f"date={date}" / "**" / "*.parquet"
            connection.execute(
                f"COPY (SELECT * EXCLUDE (date) FROM read_parquet({text(files)}, hive_partitioning = true, "
                "hive_types_autocast = false)) "
                f"TO {text(partial / 'part-0.parquet')} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS})"
            )
            place.parent.mkdir(exist_ok=True)
            partial.rename(place)
            copied += 1
    print(f"{arguments.output}: {copied} files written")


main()
