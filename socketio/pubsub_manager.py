"""`PubSubManager` under the name that applications import."""

from ._sync.pubsub_manager import PubSubManager

__all__ = ["PubSubManager"]
