"""What the end-to-end tests stand on: server processes, the Node driver, the raw wire."""
