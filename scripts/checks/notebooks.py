"""Runs notebooks from nothing, and strips them.

    notebooks.py run FOLDER NOTEBOOK...     executed copies go to FOLDER; fails if a cell fails
    notebooks.py strip NOTEBOOK...          takes outputs out of the notebooks
    notebooks.py check NOTEBOOK...          fails if a notebook is not stripped
"""

import os
import pathlib
import sys
import time

import nbclient
import nbconvert
import nbformat
from jupyter_core.paths import jupyter_runtime_dir
from traitlets.config import Config

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def stripped(path):
    """A notebook as the repository has it: without outputs, and without what differs between two who edit it."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = METADATA
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook) + "\n"


def strip(paths):
    for path in paths:
        path.write_text(stripped(path))
    return 0


def check(paths):
    bad = [path for path in paths if path.read_text() != stripped(path)]
    for path in bad:
        print(f"error: {path} has outputs or metadata: scripts/checks/notebooks.sh --strip", file=sys.stderr)
    return len(bad)


def run(paths, folder):
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        # Over sockets in the file system: nobody else can send it code.
        sockets = os.path.join(jupyter_runtime_dir(), path.stem)
        client = nbclient.NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=120,
            resources={"metadata": {"path": path.parent}},
            config=Config(ConnectionFileMixin={"transport": "ipc", "ip": sockets}),
        )
        began = time.monotonic()
        try:
            client.execute()
        except nbclient.exceptions.CellExecutionError as error:
            # Where nothing can be recorded, there is nothing to prove.
            if error.ename == "CannotRecord":
                print(f"note: {path.stem} is not run: {error.evalue.splitlines()[0]}", file=sys.stderr)
                continue
            print(f"error: {path.stem}: a cell failed\n{error}", file=sys.stderr)
            failed += 1
        finally:
            nbformat.write(notebook, folder / path.name)
            page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
            (folder / f"{path.stem}.html").write_text(page)
        print(f"{path.stem}: {len(notebook.cells)} cells in {time.monotonic() - began:.1f} s")
    return failed


def main():
    what, *words = sys.argv[1:]
    paths = [pathlib.Path(word) for word in words]
    if what == "run":
        failed = run(paths[1:], paths[0])
    else:
        failed = {"strip": strip, "check": check}[what](paths)
    sys.exit(1 if failed else 0)


main()
