"""Measures the time to a server and back, five times. `python client.py [URL]`."""

import sys
import time

import socketio

sio = socketio.Client()
measured = []


def send_ping():
    global start
    start = time.perf_counter()
    sio.emit("ping_from_client")


@sio.event
def connect():
    print("connected to server", flush=True)
    print("my sid is", sio.sid, flush=True)
    send_ping()


@sio.event
def pong_from_server():
    measured.append(time.perf_counter() - start)
    print(f"latency is {measured[-1] * 1000:.2f} ms", flush=True)
    if len(measured) == 5:
        sio.disconnect()
    else:
        sio.sleep(0.05)
        send_ping()


sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
sio.wait()
