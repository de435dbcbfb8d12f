#!/bin/sh
# Set up .venv and analyze a capture shipped with the repository: sh deploy/quickstart.sh [CAPTURE…]
set -eu
cd "$(dirname "$0")/.."
sh deploy/venv.sh
[ $# -gt 0 ] || set -- pcaps/*.pcap
[ -e "$1" ] || { echo "flowclass quickstart: no capture $1" >&2; exit 1; }
exec .venv/bin/flowclass analyze --stats "$@"
