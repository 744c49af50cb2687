"""`Server` under the name that applications import."""

from ._sync.server import Server

__all__ = ["Server"]
