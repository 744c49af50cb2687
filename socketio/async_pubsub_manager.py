"""`AsyncPubSubManager` under the name that applications import."""

from ._async.pubsub_manager import AsyncPubSubManager

__all__ = ["AsyncPubSubManager"]
