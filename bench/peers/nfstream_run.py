"""Host module: NFStream over one capture; run by ``bench.peers`` with the Python of the peers' own environment.

Twenty dissections and statistics on, one meter. NFStream pins its processes to cores of its own choice; here they
stay where they were put, so that parent and meter share the one core that every contender gets.
"""

import json
import sys

import nfstream.meter  # type: ignore[import-not-found]
import nfstream.streamer  # type: ignore[import-not-found]


def stay(_index: int) -> None:
    """Leave the process on the core that it was started on."""


nfstream.meter.set_affinity = stay
nfstream.streamer.set_affinity = stay


def main() -> None:
    """Count the flows and packets that NFStream gives for the capture named on the command line."""
    streamer = nfstream.NFStreamer(
        source=sys.argv[1], n_dissections=20, statistical_analysis=True, n_meters=1, accounting_mode=1
    )
    flows = packets = labelled = 0
    for flow in streamer:
        flows += 1
        packets += flow.bidirectional_packets
        labelled += flow.application_name != "Unknown"
    print(json.dumps({"flows": flows, "packets": packets, "labelled": labelled}))


if __name__ == "__main__":
    main()
