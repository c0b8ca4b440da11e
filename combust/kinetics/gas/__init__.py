"""What is known of a gas before any mechanism is read: the protocol, names of species, ranges of its data."""
