"""Statistics over seeds: measures of a curve, claims, one joint test and the comparison of networks."""
