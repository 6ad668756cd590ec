"""Statistics over seeds: curves, claims and the comparison of networks."""
