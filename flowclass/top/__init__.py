"""Room: a running service on a terminal: its metrics, read as Prometheus reads them, as one screen."""
