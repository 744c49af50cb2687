"""`Manager` under the name that applications import."""

from ._sync.manager import Manager

__all__ = ["Manager"]
