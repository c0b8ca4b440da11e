"""The low-Mach solver: one step, its state, and what may be asked of it."""
