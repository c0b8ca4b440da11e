"""A learned model: coordinates, network, conservation, its files and its origin."""
