"""One application a file: the evidence it leaves on the wire."""
