"""The report card of a learned model."""
