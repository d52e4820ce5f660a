"""The script `casewright`, which looks after its import path before anything else is imported."""

import os
import sys


def main() -> None:
    """Runs the command line, and exits with its code."""
    _forget_the_scripts_directory()
    # Not above: what the commands import must not be looked for in the directory of the scripts.
    from deploy.cli import casewright

    casewright()


def _forget_the_scripts_directory() -> None:
    """Takes the directory of this script off the import path, where Python puts it first.

    jsonpath-rw installs a script `jsonpath.py` there, which would be taken for the package of python-jsonpath.
    """
    script = os.path.realpath(sys.argv[0])
    if os.path.isfile(script) and sys.path and os.path.realpath(sys.path[0]) == os.path.dirname(script):
        del sys.path[0]
