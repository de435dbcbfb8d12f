"""Host module: run by the Python of NFStream's own environment: paths on stdin, one JSON line a flow on stdout.

Imports nothing of this package. Timeouts are so long that a five-tuple is one flow: each is judged once.
"""

import json
import sys

import nfstream  # type: ignore[import-not-found,unused-ignore]

#: Longer than any capture (s).
NO_TIMEOUT_S = 10_000_000


def main() -> None:
    """Label the flows of each capture named on stdin; an empty object ends the flows of one."""
    for line in sys.stdin:
        streamer = nfstream.NFStreamer(
            source=line.rstrip("\n"),
            n_dissections=20,
            statistical_analysis=False,
            n_meters=1,
            accounting_mode=1,
            idle_timeout=NO_TIMEOUT_S,
            active_timeout=NO_TIMEOUT_S,
        )
        for flow in streamer:
            ends = {"src": flow.src_ip, "sport": flow.src_port, "dst": flow.dst_ip, "dport": flow.dst_port}
            told = {"proto": flow.protocol, "packets": flow.bidirectional_packets, "name": flow.application_name}
            print(json.dumps({**ends, **told}))
        print("{}", flush=True)


if __name__ == "__main__":
    main()
