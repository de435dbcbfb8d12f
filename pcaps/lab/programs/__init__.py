"""Host module: programs of the laboratory that run inside a namespace, each started by a talk."""
