#!/bin/sh
# Make or refresh .venv in the repository with flowclass installed for work: sh deploy/venv.sh [EXTRAS]
# Needs Python 3.11 or later and a way to the package indexes. Called by deploy/quickstart.sh and tests/run.sh.
set -eu
cd "$(dirname "$0")/.."
extras=${1:-}

die() {
    echo "flowclass set-up: $1" >&2
    exit 1
}

python=
for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
    if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || die "no Python 3.11 or later found; on Debian: apt-get install python3, or set PYTHON"

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# Debian splits ensurepip off into a package of its own, without which an environment gets no pip.
make_venv() {
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv .venv && return
    fi
    if command -v apt-get >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        echo "flowclass set-up: installing $version by apt-get" >&2
        if as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$version"; then
            "$python" -m venv .venv && return
        fi
    fi
    # No ensurepip and no way to install it: a pip that is there already can serve the environment.
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --without-pip .venv
        "$python" -m pip --python .venv/bin/python install --quiet pip && return
    fi
    rm -rf .venv
    die "this Python has neither ensurepip nor pip; as root: apt-get install python3-venv"
}

[ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv

# Install again only when what is to be installed has changed.
target=.${extras:+"[$extras]"}
stamp=$(cat pyproject.toml setup.py | cksum)" $extras"
if [ "$(cat .venv/flowclass-installed 2>/dev/null || true)" != "$stamp" ]; then
    echo "flowclass set-up: installing packages into .venv" >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable "$target" || die "pip could not install $target"
    echo "$stamp" > .venv/flowclass-installed
fi
