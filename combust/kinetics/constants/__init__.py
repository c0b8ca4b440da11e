"""Rate constants of single reactions: what sources say of one, and how one is put into a mechanism."""
