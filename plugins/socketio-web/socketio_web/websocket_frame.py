"""A server's websocket frame, made once for every recipient of a packet (RFC 6455, 5.2).

Called by modes that write to their connection themselves; it knows frames and packets.
"""

from __future__ import annotations

import struct

from socketio.protocol.engine import Packet

FIN_TEXT = 0x81
"""First byte of a text message in one frame, without extensions."""
FIN_BINARY = 0x82
"""First byte of a binary message in one frame, without extensions."""


def packet_frame(packet: Packet) -> bytes:
    """Return the frame that carries a packet, kept on the packet for the next recipient.

    It is right for every connection that has agreed on no extension such as compression.
    """
    frame: bytes | None = packet.wire
    if frame is None:
        data = packet.websocket
        if isinstance(data, str):
            frame = frame_header(FIN_TEXT, len(payload := data.encode())) + payload
        else:
            frame = frame_header(FIN_BINARY, len(data)) + data
        packet.wire = frame
    return frame


def frame_header(first_byte: int, length: int) -> bytes:
    """Return the header of an unmasked frame.

    Args:
        first_byte: FIN, reserved bits and opcode.
        length: Bytes of the payload.
    """
    if length < 126:
        return bytes((first_byte, length))
    if length < 65536:
        return struct.pack("!BBH", first_byte, 126, length)
    return struct.pack("!BBQ", first_byte, 127, length)
