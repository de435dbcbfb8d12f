"""Bytes to records: link layers, tunnels, IP, transport, then what a payload says."""
