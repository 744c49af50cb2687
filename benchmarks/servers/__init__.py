"""The programs that are measured; each takes its listening socket as an inherited descriptor."""
