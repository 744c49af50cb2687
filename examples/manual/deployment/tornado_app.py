"""A Tornado application with a route of its own. `python tornado_app.py [PORT]`."""

import sys

import tornado.ioloop
import tornado.web

import socketio

sio = socketio.AsyncServer(async_mode="tornado")


class Index(tornado.web.RequestHandler):
    def get(self):
        self.write("<h1>Tornado</h1>")


@sio.event
async def hello(sid, name):
    return f"hello {name}"


app = tornado.web.Application(
    [
        (r"/", Index),
        (r"/socket.io/", socketio.get_tornado_handler(sio)),
    ]
)

if __name__ == "__main__":
    app.listen(int(sys.argv[1]) if sys.argv[1:] else 5000, "127.0.0.1")
    tornado.ioloop.IOLoop.current().start()
