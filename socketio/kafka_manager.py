"""`KafkaManager` where applications import it from; a plugin provides it."""

from __future__ import annotations

from .plugins.public_names import of_module

__getattr__ = of_module(__name__, "KafkaManager")
