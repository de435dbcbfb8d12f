"""Room: whose subscriber a flow belongs to: prefix files, country and AS databases."""
