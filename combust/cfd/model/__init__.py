"""What a model of flow is: what it gets of a case, and what the time loop asks of it."""
