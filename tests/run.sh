#!/bin/sh
# Set up .venv and run every check: style, types, layers, tests with the JIT, some without it, generated pages.
# sh tests/run.sh [PYTEST ARGUMENTS…]; tools that are absent (tshark, ndpiReader) skip their tests with a reason.
set -eu
cd "$(dirname "$0")/.."
sh deploy/venv.sh dev
bin=.venv/bin

step() {
    echo "== $*" >&2
    "$@"
}

step $bin/ruff check .
step $bin/ruff format --check .
step $bin/mypy
step $bin/lint-imports
step $bin/python -m flowclass.apps.fuse --check
step $bin/python docs/generate.py --check
# The kernels are compiled once, before two processes would do it twice.
step $bin/python -m pytest -q -x tests/cli/test_analyze.py tests/sinks
step $bin/python -m pytest -q -n 2 "$@"
# The same source without the JIT: what compiled code would hide (a name, a type, an index below zero).
step env NUMBA_DISABLE_JIT=1 $bin/python -m pytest -q -n 2 -m "not slow" tests/sinks tests/config tests/dissect tests/features
