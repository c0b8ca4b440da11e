"""Rate constants of transition-state theory: tunnelling, checks, laws, entries of a mechanism."""
