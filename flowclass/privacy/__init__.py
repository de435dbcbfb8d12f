"""Room: addresses made unrecognisable in records, prefixes preserved."""
