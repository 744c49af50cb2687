// The servers of examples/manual in JavaScript: node servers.mjs TOPIC PORT.
// What a Python client sees must be the same as with the Python servers.
import { createServer } from "node:http";
import { Server } from "socket.io";

const [topic, port] = process.argv.slice(2);
const http = createServer();
const io = new Server(http, { serveClient: false });
const say = (...words) => console.log(...words);

function refuse(next, message, data) {
  const error = new Error(message);
  if (data !== undefined) error.data = data;
  next(error);
}

const servers = {
  basic() {
    io.on("connection", (socket) => {
      say("connect", socket.id);
      socket.emit("my_message", { hello: "world" });
      socket.on("my response", () => socket.disconnect());
      socket.on("disconnect", () => say("disconnect", socket.id));
    });
  },
  latency() {
    io.on("connection", (socket) =>
      socket.on("ping_from_client", () => socket.emit("pong_from_server")),
    );
  },
  rooms() {
    io.on("connection", (socket) => {
      socket.on("begin_chat", (answer) => {
        socket.join("chat_users");
        answer(socket.rooms.size);
      });
      socket.on("exit_chat", (answer) => {
        socket.leave("chat_users");
        answer(socket.rooms.size);
      });
      socket.on("my_message", (data) => socket.to("chat_users").emit("my reply", data));
      socket.on("announce", (data) => io.emit("announcement", data));
    });
  },
  sessions() {
    io.on("connection", (socket) => {
      socket.data.username = socket.handshake.auth.username;
      socket.on("message", (data) => io.send(`${socket.data.username} says ${data}`));
      socket.on("rename", (username, answer) => {
        const before = socket.data.username;
        socket.data.username = username;
        answer(before);
      });
    });
  },
  callbacks() {
    io.on("connection", (socket) => {
      socket.on("my_event", (data, answer) => answer("OK", 123));
      socket.on("ask_me", () =>
        socket.emit("question", "and you?", (...values) => socket.emit("you_said", ...values)),
      );
      socket.on("call_me", (answer) =>
        socket.emit("question", "how are you?", (...values) => answer(...values)),
      );
    });
  },
  namespaces() {
    io.of("/chat").on("connection", (socket) =>
      socket.on("my_custom_event", (data) => socket.emit("reply", `chat: ${data}`)),
    );
    io.of("/news").on("connection", (socket) =>
      socket.on("my custom event", (data) => socket.emit("reply", `news: ${data}`)),
    );
  },
  class_namespaces() {
    io.of("/test").on("connection", (socket) => {
      socket.on("my_event", (data) => io.of("/test").emit("my_response", data));
      socket.on("both", (answer) => answer("the function"));
    });
  },
  catch_all() {
    io.on("connection", (socket) =>
      socket.onAny((event, data) =>
        socket.emit(event === "known" ? "not caught" : `caught ${event}`, data),
      ),
    );
  },
  refusal() {
    io.use((socket, next) => {
      const { auth } = socket.handshake;
      if (Object.keys(auth).length === 0) refuse(next, "Connection rejected by server");
      else if (auth.token === "right") next();
      else refuse(next, "authentication failed", { tried: auth.token });
    });
  },
  background() {
    let count = 0;
    setInterval(() => {
      count += 1;
      io.emit("my_response", { from: "the background", count });
    }, 50);
  },
  debugging() {
    io.on("connection", (socket) => socket.on("hello", (answer) => answer("hello")));
  },
};

servers[topic]();
http.listen(Number(port), "127.0.0.1");
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(0));
