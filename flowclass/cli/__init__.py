"""The command line: one verb a file; heavy imports only inside the functions that need them."""
