"""From stated factors of rate constants to bands of ignition delays and flame speeds, and which rate counts most."""
