"""Host module: generated workloads: the same seed gives the same bytes, and nothing is written into the repository."""
