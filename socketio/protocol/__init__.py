"""The two protocols, sans-I/O: nothing here waits, reads a clock or knows a socket.

* `socketio.protocol.engine`: Engine.IO 4 (packets, payloads, session state, heartbeats)
* `socketio.protocol.packets`: Socket.IO 5 (packets, binary attachments, ack ids)
* `socketio.protocol.json_codec`: JSON for both, with binary attachments taken out
"""
