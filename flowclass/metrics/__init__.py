"""Room: the service's counters as Prometheus metrics, and the pages that a browser or a scraper asks for."""
