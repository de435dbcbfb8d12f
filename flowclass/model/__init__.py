"""The model: a forest as plain arrays, its calibration, and how it and the evidence become a verdict."""
