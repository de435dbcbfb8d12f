"""A finished flow becomes a row of numbers; the registry of Feature is the model's schema."""
