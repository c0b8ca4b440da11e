"""Models of what the grid does not resolve, and sources: one file each, named after its `kind` in a case file."""
