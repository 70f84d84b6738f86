"""Targets of the Makefile that say something before they do anything."""

import os
import subprocess


def test_make_run_says_in_production_what_to_do_instead(root):
    environment = os.environ | {"ANGUAN_ENV": "production"}
    # Within make test, the inner make would name its folder.
    done = subprocess.run(
        ["make", "--no-print-directory", "run"], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "anguan create-admin" in done.stderr
    assert "unset ANGUAN_ENV" in done.stderr
    assert done.stdout == ""
