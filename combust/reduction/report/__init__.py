"""The report of a reduction."""
