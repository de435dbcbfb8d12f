"""Host module: benchmarks: generated workloads, peers side by side, kernels (see README.md here)."""
