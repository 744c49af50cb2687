"""What socketio-aiopika adds to socketio: declarations only, loaders import when chosen."""

HOOK_API = 1
