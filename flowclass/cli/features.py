"""Host module: ``flowclass features``: the model's features with unit and meaning."""

from __future__ import annotations

import argparse

SUMMARY = "list the features the model sees"
DESCRIPTION = "Print every feature in the order of the model's schema: name, unit, meaning."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: none."""


def run(arguments: argparse.Namespace) -> int:
    """Print the registry."""
    from flowclass.features.feature import schema_id
    from flowclass.features.row import FEATURES

    print(f"# {len(FEATURES)} features, schema {schema_id(FEATURES)}")
    for feature in FEATURES:
        unit = f" [{feature.unit}]" if feature.unit else ""
        print(f"{feature.name}{unit}: {feature.doc}")
    return 0
