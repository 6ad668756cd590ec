"""Read CSV files as people have them, and say on which line something is wrong."""
