"""Host module: one short call in each encapsulation that operators meet."""
