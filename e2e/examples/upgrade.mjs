// Connects, waits for the upgrade, calls an event: node upgrade.mjs URL EVENT ARGUMENT.
import { io } from "socket.io-client";

const [url, event, argument] = process.argv.slice(2);
const socket = io(url);
const connected = new Promise((done) => socket.once("connect", done));
socket.io.once("open", () => {
  console.log(socket.io.engine.transport.name);
  socket.io.engine.once("upgrade", async (transport) => {
    console.log(transport.name);
    await connected;
    console.log(await socket.timeout(5000).emitWithAck(event, argument));
    socket.disconnect();
  });
});
