"""What eddies below the grid do to reactions: one file a model."""
