#!/usr/bin/env python3
"""DuckDB, Polars and Spark answer the same questions to the same dataset alike, and as is known: a small fleet is
recorded, of which everything is known (scripts/fleet/make), and made into a dataset (schemas/dataset.md).

    python3 scripts/checks/engines.py target/debug/pfreport FOLDER [ENGINE…]

It needs the packages in engines.txt; scripts/checks/engines.sh sees to them. FOLDER is for traces and datasets."""

import csv
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pyarrow
import pyarrow.parquet

root = pathlib.Path(__file__).resolve().parents[2]
NULL = "__HIVE_DEFAULT_PARTITION__"
PARTITIONS = ["host", "date", "trace"]
TIMES = ("wall_time", "start_time")
# A name that no host should have, but may: the name of a folder cannot be the same.
ODD_HOST = "odd host=1%20/"
# Many small statements: compiling them well would take longer than running them.
SPARK = """\
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
spark.sql.codegen.wholeStage false
spark.sql.adaptive.enabled false
"""
ANSWERS = ["fleet", "files", "outliers", "regressions", "changes"]
failures = []


def expect(what, found, expected):
    if found != expected:
        failures.append(what)
        print(f"{what}: DIFFERS\n  found    {str(found)[:700]}\n  expected {str(expected)[:700]}")


def run(*command, codes=(0,)):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode not in codes:
        sys.exit(f"error: {' '.join(map(str, command))} ended with {done.returncode}: {done.stderr}")
    return done


# What the documents say.


def documented(document, heading):
    """Names and types of the columns in the first table below a heading."""
    section = (root / "schemas" / document).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE))


def schemas():
    """Columns and types of every table, without the partitions."""
    names = re.findall(r"^## `(\w+)`$", (root / "schemas" / "tables.md").read_text(), re.MULTILINE)
    tables = {name: documented("tables.md", f"`{name}`") for name in names}
    tables["faults"] = documented("faults.md", "Columns")
    tables["traces"] = documented("dataset.md", "`traces`")
    for columns in tables.values():
        columns.pop("trace", None)
    return tables


def arrow_type(word):
    if word in ("text", "enum"):
        return pyarrow.string()
    if word == "bool":
        return pyarrow.bool_()
    return pyarrow.timestamp("us", "UTC") if word == "time" else pyarrow.int64()


def check_files(dataset, tables):
    """Every file has the documented columns in their types, and every table one file without rows."""
    for name, columns in tables.items():
        expected = {column: arrow_type("time" if column in TIMES else word) for column, word in columns.items()}
        files = sorted((dataset / name).rglob("*.parquet"))
        for path in files:
            schema = pyarrow.parquet.read_schema(path)
            found = {
                field.name: pyarrow.string() if pyarrow.types.is_large_string(field.type) else field.type for field in schema
            }
            for column, type_ in found.items():
                if pyarrow.types.is_dictionary(type_):
                    found[column] = pyarrow.string()
            expect(f"{path.relative_to(dataset)}: columns", found, expected)
            expect(f"{path.relative_to(dataset)}: order", list(found), list(expected))
        empty = dataset / name / "/".join(f"{key}={NULL}" for key in PARTITIONS) / "part-0.parquet"
        expect(f"{name}: file without rows", pyarrow.parquet.read_metadata(empty).num_rows, 0)


# The dataset.


def tree(folder):
    """Every file with its time and content."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def make_dataset(pfreport, folder, traces):
    """The dataset, made in steps as a fleet makes it. Returns its folder and the traces that are in it."""
    dataset = folder / "dataset"
    half = len(traces) // 2
    run(pfreport, "dataset", *traces[:half], "-o", dataset)
    before = tree(dataset)

    # The rest; one twice, in another file; one that is damaged.
    twice, damaged = folder / "twice.pft", folder / "damaged.pft"
    shutil.copy(traces[0], twice)
    odd = folder / "odd.pft"
    whole = odd.read_bytes()
    damaged.write_bytes(whole[: len(whole) * 2 // 3])
    done = run(pfreport, "dataset", *traces[half:], twice, damaged, "-o", dataset, codes=(3,))
    expect("damaged trace", ["damaged.pft" in done.stderr, "skipped" in done.stderr], [True, True])
    expect("one trace twice", "1 there already, 1 skipped" in done.stdout, True)
    after = tree(dataset)
    expect("what was there stays", {path: after.get(path) for path in before}, before)

    # What is left of the damaged one, and the same once more: the original and its copy are one trace.
    recovered = folder / "recovered.pft"
    run(pfreport, "recover", damaged, "-o", recovered, "--force", codes=(0, 3))
    done = run(pfreport, "dataset", recovered, "-o", dataset, codes=(3,))
    expect("recovered trace", "1 trace added" in done.stdout and "lacks something" in done.stdout, True)
    expect("its original", "1 there already" in run(pfreport, "dataset", odd, "-o", dataset).stdout, True)

    # Nothing changes when the same is asked again.
    before = tree(dataset)
    done = run(pfreport, "dataset", *traces, twice, recovered, "-o", dataset)
    expect("all there", f"0 traces added, {len(traces) + 2} there already" in done.stdout, True)
    expect("nothing changed", tree(dataset), before)
    expect("nothing is left over", [path.name for path in dataset.iterdir() if path.name.startswith(".")], [])
    return dataset, [*traces, recovered]


# The engines.


def aggregates(tables):
    """A statement a table that tells of each of its columns."""
    for name, columns in tables.items():
        parts = ["COUNT(*) AS n"]
        for column, word in [*columns.items(), ("host", "text"), ("trace", "text")]:
            parts += [f'{of}({quote(column)}) AS {of}_{column}' for of in ("COUNT", "MIN", "MAX")]
            if word in ("u32", "i32"):
                parts.append(f"SUM({quote(column)}) AS sum_{column}")
        yield f"SELECT {', '.join(parts)} FROM {name}"


def quote(column):
    """Columns that are words of SQL; Spark alone has other quotes, which `ask` puts in."""
    return f'"{column}"' if column in ("end", "start", "mode", "by", "key", "value", "function", "object", "class", "access") else column


def statements(tables, sample):
    """What is asked beside the questions to a fleet."""
    asked = {f"columns of {table}": sql for table, sql in zip(tables, aggregates(tables))}
    asked["totals"] = (
        "SELECT t.file, t.faults AS told, COUNT(*) AS faults, "
        + ", ".join(f"SUM(CASE WHEN f.class = '{word}' THEN 1 ELSE 0 END) AS {word}" for word in CLASSES)
        + ", SUM(f.latency_ns) AS stall_ns FROM traces AS t JOIN faults AS f ON f.trace = t.trace "
        "GROUP BY t.file, t.faults ORDER BY file"
    )
    asked["hosts"] = (
        "SELECT t.file, t.host, CAST(t.date AS VARCHAR(10)) AS date, MAX(f.value) AS hostname FROM traces AS t "
        "JOIN facts AS f ON f.trace = t.trace WHERE f.key = 'machine.hostname' GROUP BY t.file, t.host, t.date ORDER BY file"
    )
    # A key is a number within a trace: two columns join.
    asked["joins"] = (
        "SELECT t.file, p.comm, COUNT(*) AS faults, COUNT(m.mapping) AS mapped, "
        'SUM(CASE WHEN f.addr >= m.start AND f.addr < m."end" THEN 1 ELSE 0 END) AS inside '
        "FROM faults AS f JOIN traces AS t ON t.trace = f.trace "
        "JOIN processes AS p ON p.trace = f.trace AND p.proc = f.proc "
        "LEFT JOIN mappings AS m ON m.trace = f.trace AND m.mapping = f.mapping "
        "GROUP BY t.file, p.comm ORDER BY file, comm"
    )
    asked["one trace"] = (
        f"SELECT {', '.join(f'f.{quote(column)}' for column in tables['faults'])} "
        f"FROM faults AS f JOIN traces AS t ON t.trace = f.trace WHERE t.file = '{sample.name}' ORDER BY time_ns, addr, tid"
    )
    return asked


CLASSES = ["minor", "major", "cow", "failed"]


def ask(engines, dataset, asked):
    """The answers of each engine; they work at the same time."""
    began = time.monotonic()
    running = {}
    (dataset.parent / "spark-defaults.conf").write_text(SPARK)
    environment = {**os.environ, "SPARK_CONF_DIR": str(dataset.parent)}
    for engine in engines:
        command = [sys.executable, root / "scripts" / "fleet" / f"ask_{engine}.py", dataset, "--json", "--release", "1.4", "1.5", "-n", "50"]
        for sql in asked.values():
            command += ["--sql", sql.replace('"', "`") if engine == "spark" else sql]
        output = (dataset.parent / f"{engine}.json").open("w")
        errors = (dataset.parent / f"{engine}.log").open("w")
        running[engine] = subprocess.Popen(list(map(str, command)), stdout=output, stderr=errors, env=environment)
    answers = {}
    for engine, process in running.items():
        if process.wait() != 0:
            sys.exit(f"error: {engine} failed: {(dataset.parent / f'{engine}.log').read_text()[-3000:]}")
        answers[engine] = json.loads((dataset.parent / f"{engine}.json").read_text())
        print(f"{engine}: answered {len(ANSWERS) + len(asked)} questions within {time.monotonic() - began:.0f} s")
    return answers


def compare(answers, asked):
    """All engines say the same."""
    first, *others = answers
    for engine in others:
        for name in ANSWERS:
            expect(f"{engine} and {first}: {name}", answers[engine][name], answers[first][name])
        for name, one, other in zip(asked, answers[first]["own"], answers[engine]["own"]):
            # Names of columns are not told apart by case everywhere.
            lower = [[{key.lower(): value for key, value in row.items()} for row in rows] for rows in (other, one)]
            expect(f"{engine} and {first}: {name}", *lower)


# What is known.


def signed(number):
    return number - (1 << 64) if number >= 1 << 63 else number


def exported(pfreport, trace, columns):
    """The rows of a trace as pfreport exports them, as the dataset has them."""
    path = trace.with_suffix(".csv")
    run(pfreport, trace, f"--csv={path}", "--force", codes=(0, 3))
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            found = {}
            for column, word in columns.items():
                text = row[column]
                if text == "":
                    found[column] = None
                elif word == "bool":
                    found[column] = text == "true"
                elif word in ("u32", "u64"):
                    found[column] = signed(int(text, 0))
                elif word == "time":
                    found[column] = text[:26] + "+00:00"
                else:
                    found[column] = text
            yield found


def check_traces(pfreport, traces, answers, asked, columns):
    """Counts of each trace, its host, and every row of one."""
    own = dict(zip(asked, answers["own"]))
    totals = {row["file"]: row for row in own["totals"]}
    expect("traces in the dataset", sorted(totals), sorted(trace.name for trace in traces))
    hosts = {row["file"]: row for row in own["hosts"]}
    for trace in traces:
        told = json.loads(run(pfreport, trace, "--json", codes=(0, 3)).stdout)
        expected = {"file": trace.name, "told": told["totals"]["faults"]}
        expected |= {key: told["totals"][key] for key in ("faults", *CLASSES, "stall_ns")}
        expect(f"{trace.name}: totals", totals.get(trace.name), expected)
        host = told["recording"]["machine"]["hostname"]
        date = told["traces"][0]["start"][:10]
        expected = {"file": trace.name, "host": host, "date": date, "hostname": host}
        expect(f"{trace.name}: host and date", hosts.get(trace.name), expected)
    for row in own["joins"]:
        expect(f"{row['file']}: mappings hold the addresses", row["mapped"] >= row["inside"] > 0.9 * row["faults"], True)
        expect(f"{row['file']}: name of the process", row["comm"], "pf-workload")
    order = lambda row: json.dumps(row, sort_keys=True)
    rows = [{key: None if value == "" else value for key, value in row.items()} for row in own["one trace"]]
    expected = list(exported(pfreport, sample_of(traces), columns))
    expect("rows of one trace", sorted(rows, key=order), sorted(expected, key=order))


def sample_of(traces):
    return traces[-2]


def constructed(traces):
    """What pf-workload is sure of: the trace and the line, the condition that its faults meet, and their number."""
    for trace in traces:
        notes = trace.with_suffix(".txt")
        lines = notes.read_text().splitlines() if notes.exists() else []
        for line in lines:
            if not line.startswith("expect ") or "cause=any" in line:
                continue
            words = dict(re.findall(r"(\w+)=(\S+)", line))
            condition = (
                f"t.file = '{trace.name}' AND f.addr >= {int(words['start'], 0)} AND f.addr < {int(words['end'], 0)} "
                f"AND f.class = '{words['class']}' AND f.cause = '{words['cause']}'"
            )
            yield f"{trace.name}: {line}", condition, int(words["count"])


def check_findings(answers, traces, has_waits):
    """What was planted is found, and nothing else is."""
    fleet = answers["fleet"][0]
    expect("traces of the fleet", [fleet["traces"], fleet["not_whole"]], [len(traces), 1])
    files = [row for row in answers["files"] if row["kind"] == "file"]
    expect("the costliest file", pathlib.Path(files[0]["place"]).name, "catalogue.db")
    expect("its traces and major faults", [files[0]["traces"], files[0]["major"]], [8, 4 * 200 + 4 * 300])

    found = {(row["grouping"], row["member"], row["metric"]) for row in answers["outliers"] if row["verdict"] in ("higher", "lower")}
    planted = {("label.class", "archive", "major_p50_ns")} if has_waits else set()
    expect("outliers", found, planted)
    kernels = {row["verdict"] for row in answers["outliers"] if row["grouping"] == "kernel.release"}
    expect("one kernel alone", kernels, {"fewer than 3 groups"})

    # Times differ by chance, most on a machine that does other things; counts do not.
    counts = [row for row in answers["regressions"] if row["metric"] in ("faults", "major")]
    found = {(row["workload"], row["metric"]): row["verdict"] for row in counts if row["verdict"] in ("grew", "shrank")}
    expect("regressions", found, {("import", "faults"): "grew", ("import", "major"): "grew"})
    [major] = [row for row in counts if (row["workload"], row["metric"]) == ("import", "major")]
    expect("what grew", [major["base"], major["new"], major["ratio"]], [200, 300, 1500])
    grown = [
        (row["workload"], pathlib.Path(row["place"]).name, row["cause"], row["base_faults"], row["new_faults"])
        for row in answers["changes"] if row["faults_verdict"] == "grew"
    ]
    expect("where it grew", grown, [("import", "catalogue.db", "file-read", 200, 300)])


def check_diff(pfreport, traces, answers):
    """`pfreport diff` on the same traces has the same medians and ranges."""
    sides = {"1.4": [], "1.5": []}
    for trace in traces:
        labels = json.loads(run(pfreport, trace, "--json", codes=(0, 3)).stdout)["recording"]["labels"]
        labels = {label["name"]: label["value"] for label in labels}
        if labels.get("workload") == "import":
            sides[labels["release"]].append(trace)
    told = json.loads(run(pfreport, "diff", "--json", *sides["1.4"], "--", *sides["1.5"], codes=(0, 3)).stdout)["totals"]
    for row in answers["regressions"]:
        metric = told.get({"duration_ns": "length_ns"}.get(row["metric"], row["metric"]))
        if row["workload"] != "import" or metric is None:
            continue
        expected = [metric["base"], metric["new"], metric["base_range"], metric["new_range"], metric["within_noise"]]
        found = [row["base"], row["new"], [row["base_low"], row["base_high"]], [row["new_low"], row["new_high"]]]
        expect(f"diff: {row['metric']}", [*found, row["verdict"] == "within the noise"], expected)


def check_compact(dataset, answers, engines):
    """Few large files say the same as many small ones."""
    compact = dataset.parent / "compact"
    run(sys.executable, root / "scripts" / "fleet" / "compact.py", dataset, compact)
    before = tree(compact)
    expect("compact: files", all(len(list(folder.rglob("*.parquet"))) <= 2 for folder in compact.iterdir()), True)
    again = run(sys.executable, root / "scripts" / "fleet" / "compact.py", dataset, compact).stdout
    expect("compact: nothing changed", ["0 files written" in again, tree(compact)], [True, before])
    for engine in engines:
        script = root / "scripts" / "fleet" / f"ask_{engine}.py"
        found = json.loads(run(sys.executable, script, compact, "--json", "--release", "1.4", "1.5", "-n", "50").stdout)
        for name in ANSWERS:
            expect(f"compact, {engine}: {name}", found[name], answers[name])


def check_redacted(pfreport, folder, traces):
    """With pseudonyms: the same counts, and no names."""
    dataset = folder / "redacted"
    shutil.rmtree(dataset, ignore_errors=True)
    run(pfreport, "dataset", *traces, "-o", dataset, "--redact=all", "--seed", "a seed of the test")
    sql = "SELECT COUNT(*) AS n FROM faults"
    found = [
        json.loads(run(sys.executable, root / "scripts" / "fleet" / "ask_duckdb.py", at, "--json", "--sql", sql).stdout)
        for at in (dataset, folder / "plain")
    ]
    expect("redacted: faults", found[0]["own"], found[1]["own"])
    expect("redacted: stall", found[0]["fleet"][0]["stall_ns"], found[1]["fleet"][0]["stall_ns"])
    words = [b"catalogue", b"archive-", b"compute-", b"pf-workload"]
    for path in dataset.rglob("*"):
        content = str(path.relative_to(dataset)).encode() + (path.read_bytes() if path.is_file() else b"")
        expect(f"redacted: {path.relative_to(dataset)}", [word for word in words if word in content], [])


def main():
    pfreport, folder, *engines = sys.argv[1:]
    pfreport, folder = pathlib.Path(pfreport).resolve(), pathlib.Path(folder).resolve()
    engines = engines or ["duckdb", "polars", "spark"]
    programs, recordings = pfreport.parent, folder / "traces"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    run(root / "scripts" / "fleet" / "make", recordings, "--programs", programs)
    odd = [programs / "pfrecord", "-q", "-o", folder / "odd.pft", "--", programs / "pf-workload", "threads"]
    rename = 'printf %s "$0" >/proc/sys/kernel/hostname; exec "$@"'
    has_hosts = subprocess.run(["unshare", "--uts", "true"], stderr=subprocess.DEVNULL).returncode == 0
    run(*(["unshare", "--uts", "sh", "-c", rename, ODD_HOST] if has_hosts else []), *odd)
    traces = sorted(recordings.glob("*.pft"))
    print(f"{len(traces) + 1} traces recorded in {time.monotonic() - began:.0f} s")

    dataset, listed = make_dataset(pfreport, folder, traces)
    tables = schemas()
    check_files(dataset, tables)
    known = list(constructed(traces))
    asked = statements(tables, sample_of(listed))
    counts = [f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END) AS n{i}" for i, (_, condition, _) in enumerate(known)]
    asked["construction"] = f"SELECT {', '.join(counts)} FROM faults AS f JOIN traces AS t ON t.trace = f.trace"
    answers = ask(engines, dataset, asked)
    compare(answers, asked)
    first = answers[engines[0]]
    check_traces(pfreport, listed, first, asked, tables["faults"])
    [row] = dict(zip(asked, first["own"]))["construction"]
    for i, (line, _, count) in enumerate(known):
        expect(line, row[f"n{i}"], count)
    if has_hosts:
        hosts = {row["host"] for row in dict(zip(asked, first["own"]))["hosts"]}
        expect("hosts", [len(hosts), ODD_HOST in hosts], [9, True])
    has_waits = "major" in (recordings / "00000.txt").read_text()
    check_findings(first, listed, has_waits)
    check_diff(pfreport, traces, first)
    # Spark would take as long again.
    check_compact(dataset, first, [engine for engine in engines if engine != "spark"])
    some = traces[::5]
    run(pfreport, "dataset", *some, "-o", folder / "plain")
    check_redacted(pfreport, folder, some)
    if not failures:
        print(f"{', '.join(engines)}: the same answers, and those that are known")
    sys.exit(1 if failures else 0)


main()
