"""The command line: options in, tables and messages out."""
