"""The asyncio flavour of servers, clients, namespaces and managers."""
