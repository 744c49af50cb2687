"""What the processes of one cluster tell each other, and what each keeps of it: data, no I/O."""
