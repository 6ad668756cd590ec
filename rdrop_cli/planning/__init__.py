"""From what a user asks for to the configurations of runs."""
