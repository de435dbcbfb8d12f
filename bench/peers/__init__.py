"""Host module: flowclass, NFStream and ndpiReader timed side by side on the same capture, one core each."""
