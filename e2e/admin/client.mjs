// What the Admin UI does, by the official client: node client.mjs URL. Prints one JSON line.
import { io } from "socket.io-client";

const [url] = process.argv.slice(2);
const once = (socket, event, matches = () => true) =>
  new Promise((done) => {
    const listen = (...args) => {
      if (!matches(...args)) return;
      socket.off(event, listen);
      done(args);
    };
    socket.on(event, listen);
  });
const admin = (auth) => io(`${url}/admin`, { auth, forceNew: true, reconnection: false });
const call = (socket, ...args) => socket.timeout(5000).emitWithAck(...args);
const facts = {};

const refused = admin({ username: "admin", password: "guess" });
facts.refused = (await once(refused, "connect_error"))[0].message;

const socket = io(url, { forceNew: true });
await once(socket, "connect");

const watching = admin({ username: "admin", password: "change me" });
const [session, config, sockets] = await Promise.all(
  ["session", "config", "all_sockets"].map((event) => once(watching, event)),
);
facts.features = config[0].supportedFeatures;
const seen = sockets[0].find((one) => one.nsp === "/" && one.id === socket.id);
facts.seen = { rooms: seen.rooms.length, transport: seen.transport, clientId: seen.clientId.length };
facts.secret = JSON.stringify(sockets[0]).includes(socket.io.engine.id);

const back = admin({ sessionId: session[0] });
await once(back, "config");
facts.cameBack = true;
back.disconnect();

const received = once(watching, "event_received");
await call(socket, "hello", "world");
facts.received = (await received).slice(0, 3).map((one) => (one === socket.id ? "SID" : one));

const joined = once(watching, "room_joined", (nsp, room) => room === "red");
watching.emit("join", "/", "red", socket.id);
facts.joined = (await joined)[2] === socket.id;

const heard = once(socket, "news");
const sent = once(watching, "event_sent", (nsp, id, args) => args[0] === "news");
watching.emit("emit", "/", "red", "news", 1, { two: 2 });
facts.heard = await heard;
facts.sent = (await sent)[2];

const left = once(watching, "room_left", (nsp, room) => room === "red");
watching.emit("leave", "/", "red", socket.id);
facts.left = (await left)[2] === socket.id;

const stats = await once(watching, "server_stats", (one) => one.aggregatedEvents.length > 0);
facts.stats = {
  serverId: stats[0].serverId,
  clients: stats[0].clientsCount,
  types: [...new Set(stats[0].aggregatedEvents.map((one) => one.type))].sort(),
  namespaces: stats[0].namespaces.map((one) => one.name).sort(),
};

const gone = once(watching, "socket_disconnected", (nsp, id) => nsp === "/");
const reason = once(socket, "disconnect");
watching.emit("_disconnect", "/", false, socket.id);
facts.gone = (await gone)[2];
facts.reason = (await reason)[0];

watching.disconnect();
console.log(JSON.stringify(facts));
