"""What is run, as plain data: protocols, variants, and the configuration of one run."""
