"""Work of scripts/bench-instructions: FOLDER for the profiles, check|bless|show, and perhaps a FILE for the counts."""

import json
import pathlib
import platform
import subprocess
import sys

# Counts are the same in each run, but where tables are hashed with random keys: there 12 runs differed by 2.0 % at most.
TOLERANCE = 0.01
KEYED_TOLERANCE = 0.05
KEYED = ("analysis ", "page history ")
REFERENCE = pathlib.Path("scripts/bench-instructions.json")
# In the order in which a fault meets them.
BENCHES = {"pfcapture": "recording", "pft": "codec", "pfmodel": "analysis"}
# Counting begins where it is entered and ends where it returns.
COUNTED = "::counted::counted"


def output(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(map(str, command))} failed")
    return done.stdout


def programs():
    """Builds the benchmarks; the path of each."""
    command = ["cargo", "bench", "--quiet", "--no-run", "--message-format=json-render-diagnostics"]
    for package, bench in BENCHES.items():
        command += ["--package", package, "--bench", bench]
    messages = map(json.loads, output(*command).splitlines())
    built = {m["target"]["name"]: m["executable"] for m in messages if m.get("executable")}
    return [built[bench] for bench in BENCHES.values()]


def count(program, loop, threads, path):
    """Instructions per fault of this loop, with those of other threads in these functions."""
    log = path.with_suffix(".log")
    with log.open("w") as errors:
        done = subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                f"--callgrind-out-file={path}",
                "--compress-strings=no",
                f"--toggle-collect=*{COUNTED}*",
                *[f"--toggle-collect={function}" for function in threads],
                program,
                loop,
            ],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    if done.returncode != 0:
        sys.exit(f"{log.read_text()}error: {loop} failed under Valgrind")
    functions, total = set(), 0
    for line in path.read_text().splitlines():
        key, _, value = line.partition("=")
        if key == "fn":
            functions.add(value)
        elif line.startswith("summary: "):
            total = int(line.split()[1])
    missing = [function for function in threads if function not in functions]
    if not any(COUNTED in name for name in functions):
        missing.append(COUNTED)
    if missing:
        sys.exit(f"error: {loop}: nothing is counted in {' and '.join(missing)}: see {path}")
    return total / int(done.stdout)


def measured(folder):
    """Name of each loop in the order in which a fault meets them, with its instructions per fault."""
    loops = {}
    for program in programs():
        for line in output(program, "--list").splitlines():
            loop, *threads = line.split("\t")
            assert loop not in loops, loop
            loops[loop] = round(count(program, loop, threads, folder / f"{loop.replace(' ', '-')}.out"), 1)
    return loops


def tolerance(name):
    return KEYED_TOLERANCE if name.startswith(KEYED) else TOLERANCE


def change(now, before):
    return f"{now / before - 1:+.1%}" if before else "new"


def known_in(path):
    return json.loads(path.read_text()) if path.exists() else {"instructions_per_fault": {}}


def main():
    folder, mode, file = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    last_run = folder / "counts.json"
    last = known_in(last_run)["instructions_per_fault"]
    found = {
        "rustc": output("rustc", "--version").strip(),
        "valgrind": output("valgrind", "--version").strip(),
        "machine": platform.machine(),
        "instructions_per_fault": measured(folder),
    }
    reference = known_in(REFERENCE)
    known = reference["instructions_per_fault"]

    print(f"{'hot loop':<28} {'instructions per fault':>22} {'reference':>10} {'change':>8} {'last run':>9}")
    failures, gains = [], []
    for name, now in found["instructions_per_fault"].items():
        wanted = known.get(name)
        shown = "-" if wanted is None else f"{wanted:.1f}"
        print(f"{name:<28} {now:>22.1f} {shown:>10} {change(now, wanted):>8} {change(now, last.get(name)):>9}")
        if wanted is None:
            failures.append(f"{name}: not in the reference")
        elif now > wanted * (1 + tolerance(name)):
            failures.append(f"{name}: {now:.1f} instructions per fault, {wanted:.1f} in the reference")
        elif now < wanted * (1 - tolerance(name)):
            gains.append(name)
    failures += [f"{name}: in the reference, but not counted" for name in known if name not in found["instructions_per_fault"]]

    text = json.dumps(found, indent=2) + "\n"
    last_run.write_text(text)
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
