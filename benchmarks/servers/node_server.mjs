// Node's Socket.IO server with its default websocket engine (ws), as its user writes it.
// Use: node node_server.mjs --fd N
import { createServer } from "node:http";
import { Server } from "socket.io";

const fd = Number(process.argv[process.argv.indexOf("--fd") + 1]);
const httpServer = createServer();
const io = new Server(httpServer);

io.on("connection", (socket) => {
  socket.on("echo", (data) => {
    socket.emit("echo", data);
  });

  socket.on("broadcast", (data) => {
    io.emit("news", data);
  });

  socket.on("burst", (count, data) => {
    for (let i = 0; i < count; i += 1) io.emit("news", data);
  });

  socket.on("join", async (room) => {
    await socket.join(room);
    socket.emit("joined", room);
  });

  socket.on("room", (name, data) => {
    io.to(name).emit("news", data);
  });

  socket.on("calls", async () => {
    while (socket.connected) {
      await socket.timeout(60000).emitWithAck("question", "ready?");
    }
  });

  // for the client cases: `count` events as fast as the socket takes them
  socket.on("flood", async (count, data) => {
    for (let i = 0; i < count; i += 1) {
      socket.emit("news", data);
      if (i % 100 === 99) await new Promise(setImmediate);
    }
    socket.emit("flooded");
  });
});

httpServer.listen({ fd });
