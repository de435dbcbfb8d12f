"""Room: the service: capture without end, records and metrics out, reload, orderly stop."""
