"""A mechanism: its file, read by Cantera, checked, and turned into tensors."""
