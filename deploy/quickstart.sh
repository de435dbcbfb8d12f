#!/bin/sh
# Set up .venv and analyze captures shipped with the repository: sh deploy/quickstart.sh [CAPTURE…]
# Prints the tables of applications and of calls, and leaves a record of each call in build/calls.csv.
set -eu
cd "$(dirname "$0")/.."
sh deploy/venv.sh
[ $# -gt 0 ] || set -- pcaps/*.pcap
[ -e "$1" ] || { echo "flowclass quickstart: no capture $1" >&2; exit 1; }
mkdir -p build
exec .venv/bin/flowclass analyze --stats --calls build/calls.csv "$@"
