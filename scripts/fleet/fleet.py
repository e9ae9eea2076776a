"""What the programs that ask a dataset of traces share: options, the statements of scripts/fleet/fleet.sql, and how answers are
printed. An engine has two functions: `keep(name, sql)` makes a table, `rows(sql)` returns an answer as dictionaries."""

import argparse
import datetime
import json
import pathlib
import re
import sys

# All tables; the questions read the first four.
TABLES = [
    "traces", "facts", "processes", "faults", "threads", "mappings", "modules", "callchains", "losses", "oom", "marks", "ledger",
]

# What each question needs, and what it answers.
QUESTIONS = {
    "files": (["recordings", "parts"], ["files"]),
    "outliers": (["recordings", "latencies", "observed", "compared"], ["outliers"]),
    "regressions": (["recordings", "parts", "sides"], ["regressions", "changes"]),
}

# Options that are numbers.
ROWS, TRACES, FACTOR, LEAST = 10, 5, 1.5, 10.0


def options(engine, words=None):
    parser = argparse.ArgumentParser(
        description=f"Asks a dataset of traces with {engine}: which files cost the fleet most, which kernel or class of "
        "hosts is an outlier, and what changed from one release to another. docs/fleet.md explains the answers."
    )
    parser.add_argument("dataset", help="folder that `pfreport dataset` made, or its address in an object store")
    parser.add_argument(
        "--release", nargs=2, metavar=("BASE", "NEW"), help="compare traces with these values of the label `release`"
    )
    parser.add_argument(
        "--by",
        action="append",
        metavar="KEY",
        help="key of table `facts` that groups traces (label.class, kernel.release, machine.cpus); may be repeated "
        "[default: kernel.release and label.class]",
    )
    parser.add_argument("--ask", action="append", choices=list(QUESTIONS), help="this question only; may be repeated")
    parser.add_argument("-n", "--rows", type=int, default=ROWS, help="rows of a table [default: %(default)s]")
    parser.add_argument(
        "--traces", type=int, default=TRACES, help="traces that a group needs to be judged [default: %(default)s]"
    )
    parser.add_argument(
        "--factor", type=float, default=FACTOR, help="how far from usual an outlier is at least [default: %(default)s]"
    )
    parser.add_argument(
        "--least", type=float, default=LEAST, metavar="PERCENT", help="smallest change that counts [default: %(default)s]"
    )
    parser.add_argument(
        "--sql", action="append", default=[], metavar="SELECT", help="ask this too: rows as JSON; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="print all answers as one JSON object")
    return parser.parse_args(words)


def statements():
    """The statements of fleet.sql by name: what they make (`table` or `answer`) and their text."""
    text = (pathlib.Path(__file__).parent / "fleet.sql").read_text()
    parts = re.split(r"^-- (table|answer) (\w+)$", text, flags=re.MULTILINE)[1:]
    return {name: (kind, sql.strip()) for kind, name, sql in zip(parts[::3], parts[1::3], parts[2::3])}


def quoted(word):
    """A word as SQL has it. Engines read a backslash differently: it is left out of names of releases and facts."""
    if "\\" in word:
        sys.exit(f"error: {word}: no backslash can be asked for")
    return "'" + word.replace("'", "''") + "'"


def for_polars(sql):
    """A statement with Polars's own names of percentiles."""
    for theirs, own in [("percentile_disc", "QUANTILE_DISC"), ("percentile_cont", "QUANTILE_CONT")]:
        sql = re.sub(theirs + r"\((0\.\d+)\) WITHIN GROUP \(ORDER BY ((?:[^()]|\([^()]*\))+)\)", own + r"(\2, \1)", sql)
    return sql


def ask(arguments, keep, rows):
    """The answers, by name: each is a list of rows."""
    asked = arguments.ask or [name for name in QUESTIONS if name != "regressions" or arguments.release]
    if "regressions" in asked and not arguments.release:
        sys.exit("error: --ask regressions needs --release BASE NEW")
    base, new = arguments.release or ("", "")
    values = {
        "rows": str(max(arguments.rows, 0)),
        "traces": str(arguments.traces),
        "factor": str(round(arguments.factor * 1000)),
        "least": str(round(arguments.least * 10)),
        "groupings": ", ".join(quoted(key) for key in arguments.by or ["kernel.release", "label.class"]),
        "base": quoted(base),
        "new": quoted(new),
    }
    needed = {"recordings", "fleet"}.union(*(word for name in asked for word in QUESTIONS[name]))
    answers = {}
    for name, (kind, sql) in statements().items():
        if name not in needed:
            continue
        sql = re.sub(r"\{(\w+)\}", lambda found: values[found[1]], sql)
        if kind == "table":
            keep(name, sql)
        else:
            answers[name] = rows(sql)
    return answers


def scaled(value, units):
    """A value in the largest unit that leaves something before the point."""
    for factor, unit in units:
        if abs(value) >= factor:
            number = value / factor
            return f"{number:.0f}{unit}" if abs(number) >= 99.5 else f"{number:.3g}{unit}"
    return str(value)


def time(ns):
    if ns is None:
        return "-"
    return scaled(ns, [(60 * 10**9, "min"), (10**9, "s"), (10**6, "ms"), (10**3, "µs"), (1, "ns")]) if ns else "0"


def ratio(thousandths):
    return "-" if thousandths is None else f"{thousandths / 1000:.2f}×"


def percent(thousandths):
    return "-" if thousandths is None else f"{thousandths / 10:.1f}%"


def measured(metric, value):
    """A value of a metric, in its unit."""
    if metric == "stall_ns_per_s":
        return f"{time(value)}/s"
    return time(value) if metric.endswith("_ns") else f"{value:,}"


def table(heads, lines):
    """Lines of words below their heads; words to the left, numbers to the right."""
    texts = [[text if isinstance(text, str) else f"{text:,}" for text in line] for line in lines]
    is_number = [
        all(not isinstance(line[i], str) or re.fullmatch(r"[-~+\d.,a-zµ×%/]*|-", line[i]) and re.search(r"\d|^-$", line[i]) for line in lines)
        for i in range(len(heads))
    ]
    widths = [max(len(text) for text in column) for column in zip(heads, *texts)]
    for line in [heads, *texts]:
        cells = (text.rjust(width) if number else text.ljust(width) for text, width, number in zip(line, widths, is_number))
        print("  " + "  ".join(cells).rstrip())


def print_fleet(fleet):
    dates = " to ".join(sorted({fleet["first_date"] or "?", fleet["last_date"] or "?"}))
    print(
        f"{fleet['traces']:,} traces of {fleet['hosts']:,} hosts and {fleet['workloads']:,} workloads, {dates}: "
        f"{fleet['faults']:,} faults, {time(fleet['stall_ns'])} of stall in {time(fleet['duration_ns'])} recorded"
    )
    if fleet["not_whole"]:
        print(f"note: {fleet['not_whole']:,} traces lack something: column `flaws` of table `traces`")


def print_files(found):
    print("\nWhat costs the fleet most: files, and memory without a file")
    heads = ["place", "kind", "traces", "hosts", "faults", "major", "stall", "of all"]
    keys = ["place", "kind", "traces", "hosts", "faults", "major"]
    table(heads, [[*(row[key] for key in keys), time(row["stall_ns"]), percent(row["share"])] for row in found])


def print_outliers(found, rows):
    for grouping in dict.fromkeys(row["grouping"] for row in found):
        mine = [row for row in found if row["grouping"] == grouping]
        print(f"\nOutliers by {grouping}: what a trace takes, beside the same workload in the other groups")
        shown = [row for row in mine if row["verdict"] in ("higher", "lower")]
        judged = {row["member"] for row in mine if row["verdict"] in ("usual", "higher", "lower")}
        members = len({row["member"] for row in mine})
        if shown:
            heads = ["group", "metric", "traces", "median", "of usual", "spread", "verdict"]
            lines = [
                [row["member"], row["metric"].removesuffix("_ns").removesuffix("_ns_per_s"), row["traces"],
                 measured(row["metric"], row["median"]), ratio(row["ratio"]), ratio(row["spread"]), row["verdict"]]
                for row in sorted(shown, key=lambda row: -max(row["ratio"], 10**6 // max(row["ratio"], 1)))
            ]
            table(heads, lines[:rows])
        elif judged:
            print(f"  none among {len(judged)} groups")
        else:
            reason = ", ".join(sorted({row["verdict"] for row in mine}))
            print(f"  not judged: {reason} ({members} there)")
        left = members - len(judged)
        if judged and left:
            print(f"  {left} of {members} groups have too few traces, or too few others to compare with")
    if not found:
        print("\nOutliers: no trace has a fact to group by, or none has faults enough")


def print_regressions(found, base, new, rows):
    print(f"\nFrom release {base} to {new}, by workload: medians of traces")
    if not found:
        print("  no workload has traces of both releases")
        return
    changed = [row for row in found if row["verdict"] in ("grew", "shrank", "unknown")]
    if changed:
        heads = ["workload", "metric", "traces", base, new, "ratio", "verdict"]
        ordered = sorted(changed, key=lambda row: (row["verdict"] != "grew", -(row["ratio"] or 10**9)))
        table(heads, [
            [row["workload"][-60:], row["metric"].removesuffix("_ns"), f"{row['base_traces']}+{row['new_traces']}",
             measured(row["metric"], row["base"]), measured(row["metric"], row["new"]), ratio(row["ratio"]), row["verdict"]]
            for row in ordered[:rows]
        ])
    same = len({row["workload"] for row in found} - {row["workload"] for row in changed})
    print(f"  nothing beyond the noise in {same} of {len({row['workload'] for row in found})} workloads")


def print_changes(found, base, new, rows):
    """What grew. Where nothing tells a change from noise, all that is more."""
    grown = [
        row for row in found
        if "grew" in (row["stall_verdict"], row["faults_verdict"]) or row["stall_verdict"] == "unknown" and row["change_ns"] > 0
    ]
    if not grown:
        return
    print("\nWhat grew there: medians of traces; ~ is within the noise")
    heads = ["workload", "place", "cause", "stall", base, new, "faults", base, new]
    mark = {"within the noise": "~"}
    table(heads, [
        [row["workload"][-40:], row["place"], row["cause"],
         mark.get(row["stall_verdict"], "") + difference(row["change_ns"], time),
         time(row["base_stall_ns"]), time(row["new_stall_ns"]),
         mark.get(row["faults_verdict"], "") + difference(row["new_faults"] - row["base_faults"], "{:,}".format),
         row["base_faults"], row["new_faults"]]
        for row in grown[:rows]
    ])


def difference(value, shown):
    return ("+" if value > 0 else "-" if value < 0 else "") + shown(abs(value))


def plain(value):
    """Times of day as text, in UTC; those without a zone are of this machine's."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat(timespec="microseconds")
    return str(value)


def show(arguments, engine, keep, rows):
    """Asks, and prints the answers."""
    answers = ask(arguments, keep, rows)
    own = [rows(sql) for sql in arguments.sql]
    if arguments.json:
        answers = {"schema": "pft-fleet/1", "engine": engine, **answers, "own": own}
        print(json.dumps(answers, indent=1, ensure_ascii=False, default=plain))
        return
    print_fleet(answers["fleet"][0])
    if "files" in answers:
        print_files(answers["files"])
    if "outliers" in answers:
        print_outliers(answers["outliers"], arguments.rows)
    if "regressions" in answers:
        print_regressions(answers["regressions"], *arguments.release, arguments.rows)
        print_changes(answers["changes"], *arguments.release, arguments.rows)
    for sql, found in zip(arguments.sql, own):
        print(f"\n{sql}")
        for row in found:
            print(json.dumps(row, ensure_ascii=False, default=plain))
