"""What servers and managers know, as plain data: handlers, rooms, messages between processes."""
