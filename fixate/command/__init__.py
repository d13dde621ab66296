"""The command `fixate`: its steps, its arguments, its exit status."""
