"""A case from its file to its end: building, the time loop, and what happens between steps."""
