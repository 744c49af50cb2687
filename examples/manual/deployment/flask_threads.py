"""A Flask application in Werkzeug's threads. `python flask_threads.py [PORT]`."""

import sys

from flask import Flask

import socketio

sio = socketio.Server(async_mode="threading")
app = Flask(__name__)
app.wsgi_app = socketio.WSGIApp(sio, app.wsgi_app)


@app.route("/")
def index():
    return "<h1>Flask</h1>"


@sio.event
def hello(sid, name):
    return f"hello {name}"


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
