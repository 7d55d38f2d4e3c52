"""What the data give without a search: simple models, scored as networks are."""
