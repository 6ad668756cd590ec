"""Hand finished runs to the programs that people already use."""
