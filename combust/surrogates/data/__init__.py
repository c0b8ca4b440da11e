"""States to learn from: trajectories, their copies, exact labels, sample sets."""
