"""Client programs that are measured."""
