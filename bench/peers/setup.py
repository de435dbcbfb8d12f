"""Host module: ``python -m bench.peers.setup`` puts the peers where ``bench.peers`` looks for them.

NFStream goes into an environment of its own, so that it never disturbs this project's; ndpiReader is the
distribution's (Debian and Ubuntu: ``apt-get install libndpi-bin``) and is only looked for.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from flowclass.training.peers.programs import nfstream_python


def peers_folder() -> Path:
    """Return where the peers' environment lies."""
    return nfstream_python().parents[1]


def main() -> int:
    """Install NFStream, look for ndpiReader; return 1 when one of them is missing."""
    if not nfstream_python().exists():
        venv.create(peers_folder(), with_pip=True)
    subprocess.run([nfstream_python(), "-m", "pip", "install", "--quiet", "nfstream"], check=True)
    print(f"NFStream: {peers_folder()}")
    reader = shutil.which("ndpiReader")
    print(f"ndpiReader: {reader or 'absent; install the package libndpi-bin'}")
    return 0 if reader else 1


if __name__ == "__main__":
    sys.exit(main())
