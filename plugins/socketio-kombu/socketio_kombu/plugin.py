"""What socketio-kombu adds to socketio: declarations only, loaders import the rest when chosen."""

HOOK_API = 1
