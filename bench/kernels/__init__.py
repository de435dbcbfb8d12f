"""Host module: one benchmark a room, each with its result asserted: a fast wrong kernel is no result."""
