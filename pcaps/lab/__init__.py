"""Host module: the laboratory: real software talks between network namespaces, and is recorded."""
