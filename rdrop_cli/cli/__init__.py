"""The shell's side: parse, call, print. Everything heavy is imported inside the commands."""
