"""Which cells a network may have, and what the others get."""
