#!/usr/bin/env python3
"""Reads each golden trace with the reader that was written from schemas/pft.md alone and compares its
faults with the table beside the trace. Exits with 1 when any differs or is missing."""

import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).parent
traces = sorted(here.glob("*.pft"))
failures = 0 if traces else 1
for trace in traces:
    table = trace.with_suffix(".csv")
    read = subprocess.run(
        [sys.executable, here / "read_pft.py", trace], capture_output=True, text=True
    )
    same = table.exists() and read.returncode == 0 and read.stdout == table.read_text()
    print(f"{trace.name}: {'as expected' if same else 'DIFFERS'}")
    if not same:
        print(read.stderr, end="")
        failures += 1
sys.exit(1 if failures else 0)
