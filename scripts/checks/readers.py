#!/usr/bin/env python3
"""Reads what pfreport exports with pyarrow, Polars and DuckDB, and compares: every reader must see the same
columns, types, rows and nulls in every format, those that schemas/faults.md names for the fault table, and
the summary must be what schemas/summary.schema.json allows, and the metrics must say the same.

    python3 scripts/checks/readers.py target/debug/pfreport [TRACE…]

It needs the packages in readers.txt; scripts/checks/readers.sh sees to them."""

import csv
import datetime
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import duckdb
import jsonschema
import polars
import prometheus_client.openmetrics.parser
import pyarrow
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

root = pathlib.Path(__file__).resolve().parents[2]
schemas = root / "schemas"

# Tables that are exported from each trace, by their options.
TABLES = {
    "faults": [],
    "by region": ["--by", "region,region_kind,path,class,cause"],
    "by chain": ["--by", "callchain,function"],
    "by moment": ["--by", "wall_time,addr,ip,slow"],
    "patterns": ["--patterns"],
    "mappings": ["--table", "mappings"],
    "processes": ["--table", "processes"],
    "answer": ["--sql", "SELECT class, COUNT(*) AS n, MAX(latency_ns) AS max_ns FROM faults GROUP BY class ORDER BY class"],
}
FORMATS = ["csv", "jsonl", "parquet", "arrow"]

# Names that are stored once, however many rows have them.
NAMES = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
TIME = pyarrow.timestamp("ns", tz="UTC")
# The types of schemas/faults.md as Parquet and Arrow have them.
TYPES = {
    "text": NAMES,
    "enum": NAMES,
    "bool": pyarrow.bool_(),
    "time": TIME,
    "u32": pyarrow.uint32(),
    "u64": pyarrow.uint64(),
}

EPOCH = datetime.datetime(1970, 1, 1)
failures = []


def expect(what, found, expected):
    if found != expected:
        failures.append(what)
        print(f"{what}: DIFFERS\n  found    {str(found)[:500]}\n  expected {str(expected)[:500]}")


def documented_columns():
    """Name and type of each column of the fault table, from the first table of schemas/faults.md."""
    section = (schemas / "faults.md").read_text().split("## Columns")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE))


def kind(arrow_type):
    """A type of Arrow, however the strings in it are kept."""
    if pyarrow.types.is_dictionary(arrow_type):
        return NAMES
    if pyarrow.types.is_large_string(arrow_type):
        return pyarrow.string()
    return arrow_type


def moment_ns(text):
    """2026-11-20T12:34:56.123456789Z in nanoseconds since 1970."""
    whole, fraction = text.rstrip("Z").split(".")
    seconds = (datetime.datetime.fromisoformat(whole) - EPOCH) // datetime.timedelta(seconds=1)
    return seconds * 1_000_000_000 + int(fraction.ljust(9, "0"))


def plain(value, arrow_type):
    """A value as text formats have it, of the type that it should have."""
    if value is None or value == "":
        return "" if value == "" and kind(arrow_type) in (NAMES, pyarrow.string()) else None
    if arrow_type == TIME and isinstance(value, str):
        return moment_ns(value)
    if pyarrow.types.is_integer(arrow_type) and isinstance(value, str):
        return int(value, 0)
    if pyarrow.types.is_floating(arrow_type):
        return float(value)
    if pyarrow.types.is_boolean(arrow_type) and isinstance(value, str):
        return {"true": True, "false": False}[value]
    return value


def rows_of_arrow(table):
    """Rows of a pyarrow table; times as nanoseconds."""
    columns = []
    for column in table.columns:
        if pyarrow.types.is_timestamp(column.type):
            column = column.cast(pyarrow.timestamp("ns", tz=column.type.tz)).cast(pyarrow.int64())
        columns.append(column.to_pylist())
    return [list(row) for row in zip(*columns)] if table.num_rows else []


def as_documented(rows, types):
    return [[plain(value, kind) for value, kind in zip(row, types)] for row in rows]


def without_empty(rows):
    """CSV does not tell an empty text from none everywhere."""
    return [[None if value == "" else value for value in row] for row in rows]


def read_text_formats(folder, columns, types):
    """Rows of CSV and JSON lines by each reader, as named pairs."""
    text = str(folder / "table.csv")
    with open(text, newline="") as file:
        lines = list(csv.reader(file))
    expect(f"{text}: names of columns", lines[0], columns)
    yield "CSV by Python", lines[1:], True
    all_text = {name: polars.String for name in columns}
    yield "CSV by Polars", [list(r) for r in polars.read_csv(text, schema=all_text).rows()], True
    options = pyarrow.csv.ConvertOptions(
        column_types={name: pyarrow.string() for name in columns}, strings_can_be_null=True
    )
    yield "CSV by pyarrow", rows_of_arrow(pyarrow.csv.read_csv(text, convert_options=options)), True
    found = duckdb.sql(f"SELECT * FROM read_csv('{text}', all_varchar=true, header=true)")
    yield "CSV by DuckDB", [list(row) for row in found.fetchall()], True

    lines = str(folder / "table.jsonl")
    objects = [json.loads(line) for line in open(lines)]
    for row in objects:
        if list(row) != columns:
            expect(f"{lines}: names", list(row), columns)
            break
    yield "JSON lines by Python", [list(row.values()) for row in objects], False
    # Without rows there is nothing that names the columns.
    if objects:
        # It does not keep the order of names.
        found = polars.read_ndjson(lines, infer_schema_length=None)
        expect(f"{lines}: columns by Polars", sorted(found.columns), sorted(columns))
        yield "JSON lines by Polars", [list(row) for row in found.select(columns).rows()], False
        found = duckdb.sql(
            f"SELECT * FROM read_json('{lines}', format='newline_delimited', sample_size=-1, "
            "convert_strings_to_integers=false, timestampformat='none', dateformat='none')"
        )
        expect(f"{lines}: columns by DuckDB", found.columns, columns)
        yield "JSON lines by DuckDB", [list(row) for row in found.fetchall()], False
        read = pyarrow.json.ReadOptions(block_size=64 << 20)
        found = pyarrow.json.read_json(lines, read_options=read)
        expect(f"{lines}: columns by pyarrow", found.column_names, columns)
        yield "JSON lines by pyarrow", rows_of_arrow(found), False


def from_duckdb(relation, types):
    """Rows of DuckDB; moments to the nanosecond, or to the microsecond that its type with a zone holds."""
    columns = [
        f'epoch_ns("{name}")' if kind == TIME else f'"{name}"'
        for name, kind in zip(relation.columns, types)
    ]
    return [list(row) for row in relation.project(", ".join(columns)).fetchall()]


def to_microseconds(rows, types):
    moments = [i for i, kind in enumerate(types) if kind == TIME]
    for row in rows:
        for i in moments:
            row[i] = row[i] and row[i] // 1_000 * 1_000
    return rows


def from_polars(frame):
    """Rows of Polars, times as nanoseconds."""
    moments = [name for name, kind in frame.schema.items() if kind == polars.Datetime]
    return [list(r) for r in frame.with_columns(polars.col(moments).cast(polars.Int64)).rows()]


def check_polars_types(what, frame, types):
    for (name, found), expected in zip(frame.schema.items(), types):
        if expected == NAMES:
            is_right = found in (polars.Categorical, polars.Enum, polars.String)
        elif expected == TIME:
            is_right = found == polars.Datetime("ns", "UTC")
        else:
            is_right = frame[name].to_arrow().type in (expected, pyarrow.large_string())
        if not is_right:
            expect(f"{what}: type of {name}", found, expected)


def check_table(program, trace, name, options, folder):
    what, before = f"{trace.name}, {name}", len(failures)
    outputs = [f"--{format}={folder / f'table.{format}'}" for format in FORMATS]
    run = subprocess.run([program, trace, *options, *outputs], capture_output=True, text=True)
    if run.returncode not in (0, 3):
        expect(f"{what}: exit status ({run.stderr})", run.returncode, 0)
        return

    table = pyarrow.parquet.read_table(folder / "table.parquet")
    table.validate(full=True)
    columns, types = table.column_names, [kind(column.type) for column in table.columns]
    if name == "faults":
        documented = documented_columns()
        expect(f"{what}: columns", columns, list(documented))
        expect(f"{what}: types", types, [TYPES[word] for word in documented.values()])
    expected = rows_of_arrow(table)
    metadata = pyarrow.parquet.read_metadata(folder / "table.parquet").metadata
    expect(f"{what}: schema", metadata.get(b"pft.schema"), b"pft-tables/1")

    frame = polars.read_parquet(folder / "table.parquet")
    check_polars_types(f"{what}, Parquet", frame, types)
    expect(f"{what}, Parquet by Polars", from_polars(frame), expected)
    found = from_duckdb(duckdb.read_parquet(str(folder / "table.parquet")), types)
    rounded = to_microseconds([list(row) for row in expected], types)
    expect(f"{what}, Parquet by DuckDB", to_microseconds(found, types), rounded)

    with pyarrow.ipc.open_file(folder / "table.arrow") as file:
        arrow = file.read_all()
        expect(f"{what}: schema", file.schema.metadata.get(b"pft.schema"), b"pft-tables/1")
    arrow.validate(full=True)
    expect(f"{what}, Arrow: types", [kind(column.type) for column in arrow.columns], types)
    expect(f"{what}, Arrow by pyarrow", rows_of_arrow(arrow), expected)
    frame = polars.read_ipc(folder / "table.arrow")
    check_polars_types(f"{what}, Arrow", frame, types)
    expect(f"{what}, Arrow by Polars", from_polars(frame), expected)
    found = from_duckdb(duckdb.from_arrow(arrow), types)
    expect(f"{what}, Arrow by DuckDB", to_microseconds(found, types), rounded)

    for reader, rows, is_csv in read_text_formats(folder, columns, types):
        rows = as_documented(rows, types)
        if is_csv:
            expect(f"{what}, {reader}", without_empty(rows), without_empty(expected))
        else:
            expect(f"{what}, {reader}", rows, expected)

    # What a reader of CSV guesses must have the same sums.
    guessed = duckdb.read_csv(str(folder / "table.csv"), sample_size=-1)
    for i, (column, of) in enumerate(zip(columns, types)):
        if expected and column not in ("addr", "ip") and pyarrow.types.is_integer(of):
            total = guessed.aggregate(f'sum(try_cast("{column}" AS HUGEINT))').fetchall()[0][0]
            values = [row[i] for row in expected if row[i] is not None]
            expect(f"{what}, sum of {column}", total, sum(values) if values else None)
        # 0x0801 is how 8:1, which would be a time of day, is kept from being guessed at.
        if expected and column == "dev":
            expect(f"{what}, dev is no time", "TIME" in str(guessed.types[i]), False)
    if len(failures) == before:
        print(f"{what}: {len(expected)} rows, {len(columns)} columns as expected")


def check_summary(program, trace, rows):
    before = len(failures)
    schema = json.loads((schemas / "summary.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    run = subprocess.run([program, trace, "--json"], capture_output=True, text=True)
    summary = json.loads(run.stdout)
    errors = jsonschema.Draft202012Validator(schema).iter_errors(summary)
    expect(f"{trace.name}, summary", [f"{e.json_path}: {e.message}" for e in errors], [])
    faults = sum(cause["faults"] for cause in summary["causes"])
    expect(f"{trace.name}, faults of the summary", [faults, summary["totals"]["faults"]], [rows] * 2)
    for name in ["processes", "regions"]:
        list_ = summary[name]
        listed = sum(row["faults"] for row in list_["rows"]) + list_["left_out"]["faults"]
        expect(f"{trace.name}, faults of {name}", listed, rows)
    if len(failures) == before:
        print(f"{trace.name}: summary as expected")


def check_metrics(program, trace):
    """Metrics by the parser of Prometheus' own client, against the summary."""
    run = lambda option: subprocess.run([program, trace, option], capture_output=True, text=True).stdout
    summary = json.loads(run("--json"))
    parse = prometheus_client.openmetrics.parser.text_string_to_metric_families
    samples = [sample for family in parse(run("--openmetrics")) for sample in family.samples]

    def of(name, *labels):
        found = [sample for sample in samples if sample.name == name]
        return {tuple(sample.labels[label] for label in labels): sample.value for sample in found}

    faults = {(cause["class"], cause["cause"]): cause["faults"] for cause in summary["causes"]}
    expect(f"{trace.name}, metrics of causes", of("pft_faults_total", "class", "cause"), faults)
    for name in ["pft_process_faults_total", "pft_region_faults_total"]:
        total = sum(sample.value for sample in samples if sample.name == name)
        expect(f"{trace.name}, sum of {name}", total, summary["totals"]["faults"])
    known = of("pft_fault_latency_seconds_count", "class")
    stalled = {cause["class"] for cause in summary["causes"] if cause["p50_ns"] is not None}
    expect(f"{trace.name}, classes with latencies", {key[0] for key in known}, stalled)


def main():
    program, *traces = sys.argv[1:]
    program = pathlib.Path(program).resolve()
    traces = [pathlib.Path(trace) for trace in traces] or sorted((root / "testdata").glob("*.pft"))
    for trace in traces:
        rows = None
        for name, options in TABLES.items():
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                check_table(program, trace, name, options, folder)
                if name == "faults":
                    rows = pyarrow.parquet.read_metadata(folder / "table.parquet").num_rows
        check_summary(program, trace, rows)
        check_metrics(program, trace)
    sys.exit(1 if failures or not traces else 0)


main()
