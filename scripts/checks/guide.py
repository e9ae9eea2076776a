"""Runs the examples of documents, and holds what they print against what the documents say.

A page has blocks of two kinds; all commands of a page run in order, in one shell, in a folder of its own that has the
traces of testdata/guide:

    ```console             what is printed is the same to the last byte: commands on stored traces
    ```console recorded    a recording made now: words and lines are the same, numbers, units and columns may differ

A command stands behind "$ ", and goes on behind "> ". One that ends with another status than 0 is followed by
"$ echo $?". Blocks of the first kind draw on none of the second, since those are left out where nobody may record.

Links to other files and to headings in them lead somewhere, too.
"""

import argparse
import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Behind the output of each command: a sign that no program prints, and the status.
END = "\x1e"
PATIENCE_S = 120
# What `pfrecord --check` may say no to: no page records it. All else shows in what is printed.
NOT_NEEDED = ("other users", "the whole system", "control groups", "OOM kills")


class Example:
    """A command, what the page says it prints, and where."""

    def __init__(self, line, recorded):
        self.line, self.recorded = line, recorded
        self.command, self.expected = "", ""


def examples(text):
    """The examples of a page in its order."""
    found, recorded, inside, current = [], False, False, None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = not inside and re.fullmatch(r"```console( recorded)?", line) is not None
            recorded, current = line.endswith(" recorded"), None
        elif inside and line.startswith("$ "):
            current = Example(number, recorded)
            current.command = line[2:]
            found.append(current)
        elif inside and line.startswith("> ") and current is not None and not current.expected:
            current.command += "\n" + line[2:]
        elif inside and current is not None:
            current.expected += line + "\n"
        elif inside:
            sys.exit(f"error: line {number}: output without a command")
    return found


def run(page_examples, programs):
    """Output and status of each command."""
    script = "".join(
        f"{example.command}\nstatus=$?; printf '{END}%d{END}' $status; (exit $status)\n"
        for example in page_examples
    )
    with tempfile.TemporaryDirectory() as folder:
        for trace in (ROOT / "testdata/guide").glob("*.pft"):
            shutil.copy(trace, folder)
        os.symlink(ROOT / "testdata", pathlib.Path(folder, "testdata"))
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": folder,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }
        shell = subprocess.run(
            ["bash", "--norc", "-c", script],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE_S,
        )
    parts = shell.stdout.decode("utf-8", "replace").split(END)
    outputs, statuses = parts[0:-1:2], [int(status) for status in parts[1::2]]
    if len(outputs) != len(page_examples):
        last = page_examples[len(outputs)]
        sys.exit(f"error: the shell ended in the command of line {last.line}: {parts[-1]}")
    return list(zip(outputs, statuses))


def loose(output):
    """What does not differ from one recording to the next."""
    output = re.sub(r"0x[0-9a-f]+|\d[\d,.:]*", "0", output)
    output = re.sub(r"\b0 ?(ns|µs|ms|s|min|B|KiB|MiB|GiB)\b", "0", output)
    # One CPU, two CPUs.
    output = re.sub(r"\b0 (\w+)s\b", r"0 \1", output)
    return [" ".join(line.split()) for line in output.splitlines()]


def same(example, output):
    """Whether a command printed what the page says."""
    if example.recorded:
        return loose(example.expected) == loose(output)
    return example.expected == output


def why_not(programs):
    """Why recordings are not made here as the pages have them, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        probe = [f"{programs}/pfrecord", "-q", "-o", f"{folder}/probe.pft", "--", "true"]
        recorded = subprocess.run(probe, capture_output=True, text=True, timeout=PATIENCE_S)
        if recorded.returncode:
            return next(iter(recorded.stderr.splitlines()), f"pfrecord ends with status {recorded.returncode}")
        # Without reads and writes, say, other causes are recorded than the pages show.
        able = subprocess.run(
            [f"{programs}/pfrecord", "--check"], capture_output=True, text=True, timeout=PATIENCE_S
        )
    lacks = [
        what
        for what in re.findall(r"^  (?:no|partly) +(.*?):", able.stdout, flags=re.MULTILINE)
        if not what.startswith(NOT_NEEDED)
    ]
    return f"pfrecord --check does not say yes to: {', '.join(lacks)}" if lacks else None


def check(page, text, programs, why_not_recorded):
    """Complaints about a page, and its text with the outputs that were seen."""
    found = examples(text)
    wanted = [example for example in found if not (why_not_recorded and example.recorded)]
    for example in found:
        if example not in wanted:
            print(f"note: {page}:{example.line} is not run: {why_not_recorded}", file=sys.stderr)
    complaints, lines = [], text.splitlines()
    results = run(wanted, programs) if wanted else []
    shown = [example.command == "echo $?" for example in wanted[1:]] + [False]
    # From the last to the first, so that numbers of lines stay right.
    for example, (output, status), is_shown in reversed(list(zip(wanted, results, shown))):
        if output and not output.endswith("\n"):
            output += "\n"
        if status and not is_shown:
            complaints.append(f"{page}:{example.line}: ends with status {status}: {example.command}\n{output}")
        if same(example, output):
            continue
        difference = difflib.unified_diff(
            example.expected.splitlines(), output.splitlines(), "the page", "printed now", lineterm="", n=2
        )
        complaints.append("\n".join([f"{page}:{example.line}: $ {example.command}", *difference]))
        start = example.line + example.command.count("\n")
        lines[start : start + example.expected.count("\n")] = output.splitlines()
    return list(reversed(complaints)), "\n".join(lines) + "\n"


def anchors(text):
    """What links to the headings of a page are called."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def without_blocks(text):
    """The page without its blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def dead_links(page, text):
    """Links that lead nowhere."""
    for link in re.findall(r"\]\(([^)\s]+)\)", without_blocks(text)):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if "://" in link:
            continue
        if not target.exists():
            yield f"{page}: no file {link}"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            yield f"{page}: no heading {link}"


def test_itself():
    """That a page which says something else is found out."""
    page = "```console\n$ echo one 1\none 1\n$ false\n$ echo $?\n1\n```\n```console recorded\n$ echo took 12 ms on 2 CPUs\ntook 7 µs on 1 CPU\n```\n"
    for change, complaints in [
        (("", ""), 0),
        (("one 1\n$", "one 2\n$"), 1),
        (("took 7", "taken 7"), 1),
        (("1 CPU\n", "1 CPU\nmore\n"), 1),
        (("$ echo $?\n1\n", ""), 1),
    ]:
        seen, blessed = check("a page", page.replace(*change), "", None)
        assert len(seen) == complaints, (change, seen)
        # Blessing mends what is printed, and nothing else.
        left, _ = check("a page", blessed, "", None)
        assert len(left) == (complaints if change[1] == "" and complaints else 0), (change, left)


def test_links():
    """That a link which leads nowhere is found out."""
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder, "page.md")
        text = "# A `b`, c\n[1](page.md) [2](#a-b-c) [3](page.md#a-b-c) [4](no.md) [5](#no) [6](https://no.no/x)\n"
        page.write_text(text)
        assert [dead.split()[-1] for dead in dead_links(page, text)] == ["no.md", "#no"]


def main():
    """Checks pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, help="folder of pfrecord, pfreport and pf-workload")
    parser.add_argument("--bless", action="store_true", help="write what was printed into the pages")
    parser.add_argument("pages", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    test_itself()
    test_links()
    programs = pathlib.Path(arguments.programs).resolve()
    why_not_recorded = why_not(programs)
    commands, failed = 0, False
    for page in arguments.pages:
        text = page.read_text()
        commands += len(examples(text))
        complaints, blessed = check(page, text, programs, why_not_recorded)
        if arguments.bless and blessed != text:
            page.write_text(blessed)
        dead = list(dead_links(page, text))
        failed |= bool(complaints) and not arguments.bless or bool(dead)
        for complaint in complaints + dead:
            print(complaint, file=sys.stderr)
    print(f"{commands} commands of {len(arguments.pages)} pages", file=sys.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
