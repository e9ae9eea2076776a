"""Table of scripts/bench-instructions: FOLDER of the summaries, check|bless|show, and perhaps a FILE for the counts."""

import json
import pathlib
import platform
import subprocess
import sys

FAULTS = 10_000
"""Faults, or addresses looked up, of each benchmark."""
# Counts are the same in each run, but where tables are hashed with random keys: there 12 runs differed by 2.0 % at most.
TOLERANCE = 0.01
KEYED_TOLERANCE = 0.05
KEYED = ("analysis ", "page history ")
REFERENCE = pathlib.Path("scripts/bench-instructions.json")
CRATES = ["pfcapture", "pft", "pfmodel"]


def first_line(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[0]


def measured(folder):
    """Name of each loop in the order in which a fault meets them, with its instructions now and before."""
    loops = {}
    for crate in CRATES:
        paths = sorted(folder.glob(f"{crate}/**/summary.json"), key=lambda path: path.stat().st_mtime_ns)
        for path in paths:
            summary = json.loads(path.read_text())
            name = f"{summary['function_name']} {summary['id']}".replace("_", " ")
            values = summary["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]
            assert name not in loops, name
            loops[name] = (values["new"], values.get("old"))
    return loops


def tolerance(name):
    return KEYED_TOLERANCE if name.startswith(KEYED) else TOLERANCE


def change(now, before):
    return f"{now / before - 1:+.1%}" if before else "new"


def main():
    folder, mode, file = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    loops = measured(folder)
    if not loops:
        sys.exit(f"error: no counts below {folder}")
    found = {
        "rustc": first_line("rustc", "--version"),
        "valgrind": first_line("valgrind", "--version"),
        "machine": platform.machine(),
        "instructions_per_fault": {name: round(now / FAULTS, 1) for name, (now, _) in loops.items()},
    }
    reference = json.loads(REFERENCE.read_text()) if REFERENCE.exists() else {"instructions_per_fault": {}}
    known = reference["instructions_per_fault"]

    print(f"{'hot loop':<28} {'instructions per fault':>22} {'reference':>10} {'change':>8} {'last run':>9}")
    failures, gains = [], []
    for name, count in found["instructions_per_fault"].items():
        wanted = known.get(name)
        now, before = loops[name]
        shown = "-" if wanted is None else f"{wanted:.1f}"
        print(f"{name:<28} {count:>22.1f} {shown:>10} {change(count, wanted):>8} {change(now, before):>9}")
        if wanted is None:
            failures.append(f"{name}: not in the reference")
        elif count > wanted * (1 + tolerance(name)):
            failures.append(f"{name}: {count:.1f} instructions per fault, {wanted:.1f} in the reference")
        elif count < wanted * (1 - tolerance(name)):
            gains.append(name)
    failures += [f"{name}: in the reference, but not counted" for name in known if name not in loops]

    text = json.dumps(found, indent=2) + "\n"
    if file:
        pathlib.Path(file).write_text(text)
    if mode == "bless":
        REFERENCE.write_text(text)
        print(f"{REFERENCE} is written.", file=sys.stderr)
        return
    for key in ["rustc", "valgrind", "machine"]:
        if key in reference and reference[key] != found[key]:
            print(f"note: the reference is of {reference[key]}, this is {found[key]}: counts may differ", file=sys.stderr)
    if gains:
        print(f"note: fewer than in the reference: {', '.join(gains)}; --bless keeps that", file=sys.stderr)
    if mode == "check":
        for failure in failures:
            print(f"error: {failure}", file=sys.stderr)
        sys.exit(1 if failures else 0)


main()
