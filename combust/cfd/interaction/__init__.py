"""How motion below the grid's cells and reactions act on each other: one file a model, named after its `kind`."""
