#!/usr/bin/env python3
"""Reads each golden trace with the reader that was written from schemas/pft.md alone and compares its
tables with those beside the trace. Exits with 1 when any differs or is missing; only a table without
rows may be absent, and not that of the faults."""

import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(here))
from pft_tables import TABLES  # noqa: E402: it lies beside this script

traces = sorted(here.glob("*.pft"))
failures = 0 if traces else 1
for trace in traces:
    for table, (_, _, columns) in TABLES.items():
        beside = trace.with_suffix(".csv" if table == "faults" else f".{table}.csv")
        read = subprocess.run(
            [sys.executable, here / "read_pft.py", trace, table], capture_output=True, text=True
        )
        if beside.exists() or table == "faults":
            same = beside.exists() and read.stdout == beside.read_text()
        else:
            same = read.stdout == columns + "\n"
        same = same and read.returncode == 0
        print(f"{trace.name}: {table} {'as expected' if same else 'DIFFERS'}")
        if not same:
            print(read.stderr, end="")
            failures += 1
sys.exit(1 if failures else 0)
