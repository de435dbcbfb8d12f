"""Typed settings: one schema gives the TOML check, the command-line help and the reference page."""
