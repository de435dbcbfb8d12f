"""Where records go: one sink a file; what a record holds is said once, in ``columns``."""
