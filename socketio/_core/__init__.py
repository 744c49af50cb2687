"""What servers and clients share, as plain data: handlers, namespaces, forks, failures."""
