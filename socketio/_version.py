"""The version of this distribution, in one place."""

__version__ = "1.0.0"
