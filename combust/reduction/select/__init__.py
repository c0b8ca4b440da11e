"""Which species and reactions may go: graphs, sensitivities, searches, quasi-steady states, re-fits."""
