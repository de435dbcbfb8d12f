"""Host module: the project's own captures, the scripts that make them, and the manifest of public ones."""
