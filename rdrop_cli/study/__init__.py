"""What is trained: protocols, variants, methods of dropout and the configuration of one run."""
