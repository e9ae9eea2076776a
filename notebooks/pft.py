"""What the notebooks share: a command is recorded, and pfreport is asked about traces."""

import io
import json
import os
import pathlib
import subprocess

import matplotlib.pyplot as plt
import polars as pl

# Recordings are made here.
folder = pathlib.Path(os.path.relpath(os.environ.get("PFT_FOLDER", "traces")))

# Classes have the colours of pfreport's own pictures.
COLOURS = {"minor": "#56b4e9", "cow": "#009e73", "major": "#d55e00", "failed": "#cc79a7"}

plt.rcParams.update(
    {
        "figure.figsize": (10, 4),
        "figure.constrained_layout.use": True,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "grid.color": "#e4e6ea",
        "legend.frameon": False,
        "savefig.dpi": 110,
    }
)
pl.Config.set_tbl_rows(25).set_tbl_cols(20).set_fmt_str_lengths(90).set_tbl_hide_dataframe_shape(True)
pl.Config.set_tbl_hide_column_data_types(True).set_thousands_separator(",").set_float_precision(3)


class CannotRecord(Exception):
    """This machine or user does not allow it."""


def given(variable):
    """The traces that an environment variable names, with colons between them."""
    return [path for path in os.environ.get(variable, "").split(":") if path]


def run(*command):
    """Runs a program and returns its output. What it warns of is shown."""
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{command[0]} is not on PATH: `cargo build --release` puts it into target/release"
        ) from None
    said = done.stderr.decode(errors="replace")
    # 3: done, but records were lost or the trace is damaged.
    if done.returncode not in (0, 3):
        kind = CannotRecord if command[0] == "pfrecord" and done.returncode == 2 else RuntimeError
        raise kind(f"{command[0]} ended with {done.returncode}: {said}")
    if done.returncode == 3:
        print(said)
    return done.stdout


def program(name, text):
    """Writes a Python program to be recorded, and returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def record(name, *command, options=()):
    """Records a command. Returns its trace, and what the command printed."""
    folder.mkdir(parents=True, exist_ok=True)
    trace = folder / name
    try:
        printed = run("pfrecord", "--quiet", "--force", *options, "-o", trace, "--", *command)
    except CannotRecord as error:
        raise CannotRecord(
            f"{error}\n`pfrecord --check` says what can be recorded here, and how to get more. Traces from "
            "elsewhere are named in environment variables: see the first lines of this notebook."
        ) from None
    return trace, printed.decode()


def table(*traces, name="faults"):
    """A table of one or several traces: schemas/tables.md says what it holds."""
    return pl.read_parquet(io.BytesIO(run("pfreport", *traces, "--table", name, "--parquet")))


def summary(*traces):
    """The summary of one or several traces: schemas/summary.schema.json."""
    return json.loads(run("pfreport", *traces, "--json"))
