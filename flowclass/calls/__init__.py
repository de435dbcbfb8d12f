"""Room: flows of one call joined into one record, and minutes counted once."""
