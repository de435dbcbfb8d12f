"""Host module: ordinary traffic, for captures of its own and as the background of others."""
