"""From labelled captures, or from a shipped feature table, to a model bundle and its report."""

from flowclass.training.report import Report
from flowclass.training.run import evaluate, train, train_again, train_packs

__all__ = ["Report", "evaluate", "train", "train_again", "train_packs"]
