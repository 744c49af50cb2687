"""What servers and managers know, as plain data: handlers and rooms."""
