// What the official JavaScript client does with a server, and what it saw.
//
// Each scenario takes the options of one run and returns plain facts; the judgement is in the
// Python test. Buffers are written as {"$binary": "hex"} both ways.
import { io } from "socket.io-client";
import msgpackParser from "socket.io-msgpack-parser";

const DEADLINE = 20_000;

/** Open a client on one variant of the server; it is closed when the scenario ends. */
function client(run, options = {}) {
  const variant = options.variant ?? run.variant ?? "main";
  const { namespace = "/", variant: _, ...rest } = options;
  const socket = io(run.url + namespace, {
    path: variant === "main" ? "/socket.io/" : `/${variant}/`,
    transports: run.transports ?? ["polling", "websocket"],
    forceNew: true,
    reconnection: false,
    ...(variant === "msgpack" ? { parser: msgpackParser } : {}),
    ...rest,
  });
  run.cleanups.push(() => socket.disconnect());
  return socket;
}

/** Wait for an event of an emitter; fail with its name when it does not come. */
function seen(emitter, event, ms = DEADLINE) {
  const promise = new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      emitter.off(event, take);
      reject(new Error(`no "${event}" within ${ms} ms`));
    }, ms);
    const take = (...args) => {
      clearTimeout(timer);
      resolve(args);
    };
    emitter.once(event, take);
  });
  promise.catch(() => {}); // some are only looked at later
  return promise;
}

async function connected(run, options) {
  const socket = client(run, options);
  if (!socket.connected) {
    const refused = seen(socket, "connect_error").then(([error]) => {
      throw error;
    });
    refused.catch(() => {}); // lost the race
    await Promise.race([seen(socket, "connect"), refused]);
  }
  return socket;
}

/** Wait until the connection is on its last transport. */
async function settled(run, socket) {
  const engine = socket.io.engine;
  const wanted = (run.transports ?? ["polling", "websocket"]).at(-1);
  if (engine.transport.name !== wanted) await seen(engine, "upgrade");
  return engine.transport.name;
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Ask the server something and wait for its only argument. */
const ask = (socket, event, ...args) => socket.timeout(DEADLINE).emitWithAck(event, ...args);

/** Like ask, with every argument of the answer. */
const askAll = (socket, event, ...args) =>
  new Promise((resolve, reject) => {
    socket
      .timeout(DEADLINE)
      .emit(event, ...args, (error, ...values) => (error ? reject(error) : resolve(values)));
  });

const refusalOf = async (socket) => {
  const [error] = await seen(socket, "connect_error");
  return { message: error.message, data: error.data ?? null, active: socket.active };
};

export const scenarios = {
  async connect(run) {
    const socket = client(run);
    const engine = socket.io.engine;
    const first = engine.transport.name;
    await seen(socket, "connect");
    const last = await settled(run, socket);
    const facts = await ask(socket, "whoami");
    return { first, last, sid: socket.id, engineSid: engine.id, facts };
  },

  async echo(run) {
    const socket = await connected(run);
    if (run.settle) await settled(run, socket);
    const answers = [];
    for (const args of run.messages) {
      const back = seen(socket, "echo");
      socket.emit("echo", ...args);
      answers.push(await back);
    }
    return { answers };
  },

  async message(run) {
    const socket = await connected(run);
    const back = seen(socket, "message");
    socket.send(run.data);
    return { back: await back };
  },

  async binaryKinds(run) {
    const socket = await connected(run);
    const back = seen(socket, "binary kinds");
    socket.emit("binary kinds");
    return { args: await back };
  },

  async acks(run) {
    const socket = await connected(run);
    const questions = [];
    socket.on("question", (...args) => {
      const answer = args.pop();
      questions.push(args);
      answer(...args, "answered");
      answer("a second answer is ignored");
    });
    socket.on("silent question", (answer) => answer());
    const callback = seen(socket, "answers");
    const facts = {
      all: await askAll(socket, "ack", ...run.args),
      plain: await ask(socket, "ack plain", run.args),
      nothing: await askAll(socket, "ack nothing"),
      asked: await ask(socket, "ask", "question", ...run.args),
      askedNothing: await ask(socket, "ask", "silent question"),
      silence: await ask(socket, "ask silence"),
    };
    socket.emit("ask callback", "question", ...run.args);
    facts.callback = (await callback)[0];
    facts.questions = questions;
    facts.unhandled = await socket
      .timeout(80)
      .emitWithAck("nobody handles this")
      .then(
        () => "answered",
        () => "timeout",
      );
    return facts;
  },

  async namespaces(run) {
    const root = await connected(run);
    const manager = root.io;
    const open = async (name) => {
      const socket = manager.socket(name);
      if (!socket.connected) await seen(socket, "connect");
      return socket;
    };
    const chat = await open("/chat");
    const any = await open("/any");
    const byClass = await open("/class");
    const late = manager.socket("/nowhere");
    const unknown = await refusalOf(late);
    const echoes = {};
    for (const [name, socket] of Object.entries({ root, chat, byClass })) {
      const back = seen(socket, "echo");
      socket.emit("echo", name, Buffer.from(name));
      echoes[name] = await back;
    }
    const facts = {
      sids: [root.id, chat.id, any.id, byClass.id],
      engineSid: manager.engine.id,
      unknown,
      echoes,
      where: await ask(byClass, "where"),
      any: await ask(any, "whatever you like", 1, "two"),
      star: await ask(any, "*", 1),
    };
    const left = seen(chat, "disconnect");
    chat.emit("bye");
    [facts.chatReason] = await left;
    facts.rootAfter = root.connected;
    facts.rootAnswers = await ask(root, "ack plain", "still here");
    chat.connect();
    await seen(chat, "connect");
    facts.chatAgain = chat.connected && !facts.sids.includes(chat.id);
    return facts;
  },

  async auth(run) {
    const facts = {};
    for (const [name, auth] of Object.entries(run.accepted)) {
      const socket = await connected(run, auth === null ? {} : { auth });
      facts[name] = (await ask(socket, "whoami")).auth;
    }
    const refused = {};
    for (const name of run.refused) {
      refused[name] = await refusalOf(client(run, { auth: { refuse: name } }));
    }
    // A refused client is free to try again with other credentials.
    const socket = client(run, { auth: { refuse: "message" } });
    await refusalOf(socket);
    socket.auth = { tag: "second try" };
    socket.connect();
    await seen(socket, "connect");
    const secondTry = await ask(socket, "whoami");
    return { accepted: facts, refused, secondTry: secondTry.auth };
  },

  async early(run) {
    const socket = client(run, { auth: { early: "first word" } });
    const order = [];
    socket.on("connect", () => order.push("connect"));
    socket.on("early", (word) => order.push(word));
    await seen(socket, "early");
    return { order };
  },

  async rooms(run) {
    const [one, two, three] = await Promise.all([connected(run), connected(run), connected(run)]);
    const heard = { one: [], two: [], three: [] };
    for (const [name, socket] of Object.entries({ one, two, three })) {
      socket.on("news", (...args) => heard[name].push(args));
    }
    const facts = {
      joined: [await ask(one, "join", "red"), await ask(two, "join", "red")],
      sids: [one.id, two.id, three.id],
    };
    await ask(three, "join", "blue");
    one.emit("tell", "red", "news", "to red");
    one.emit("tell others", "red", "news", "to the others in red");
    one.emit("tell", ["red", "blue"], "news", "to both", Buffer.from([1, 2]));
    one.emit("tell", three.id, "news", "to three");
    one.emit("tell", [], "news", "to nobody");
    one.emit("tell", "", "news", "to nobody");
    one.emit("broadcast except", [one.id, three.id], "news", "all but one and three");
    one.emit("broadcast", "news", "to all");
    const done = async (socket) => ask(socket, "ack plain", "done");
    await done(one);
    facts.left = await ask(two, "leave", "red");
    one.emit("tell", "red", "news", "after leaving");
    await done(one);
    one.emit("close", "red");
    one.emit("tell", "red", "news", "after closing");
    await done(one);
    await Promise.all([done(two), done(three)]);
    return { ...facts, heard };
  },

  async binaryBroadcast(run) {
    const polling = await connected(run, { transports: ["polling"] });
    const websocket = await connected(run, { transports: ["websocket"] });
    const heard = [polling, websocket].map((socket) => seen(socket, "news"));
    polling.emit("broadcast", "news", { deep: [Buffer.from([0, 1, 255])] }, Buffer.alloc(0));
    const [byPolling, byWebsocket] = await Promise.all(heard);
    return { byPolling, byWebsocket };
  },

  async reasons(run) {
    const facts = {};
    const open = async (options) => {
      const socket = await connected(run, options);
      await settled(run, socket);
      return [socket, socket.id];
    };
    let [socket, sid] = await open();
    socket.disconnect();
    facts.client = { sid };

    [socket, sid] = await open();
    let left = seen(socket, "disconnect");
    socket.emit("bye");
    facts.server = { sid, reason: (await left)[0], active: socket.active };

    [socket, sid] = await open();
    const words = seen(socket, "last words");
    left = seen(socket, "disconnect");
    socket.emit("bye then emit");
    facts.lastWords = { sid, words: (await words)[0], reason: (await left)[0] };

    [socket, sid] = await open();
    const closed = seen(socket.io.engine, "close");
    left = seen(socket, "disconnect");
    socket.emit("bye for good");
    facts.close = { sid, reason: (await left)[0], engine: (await closed)[0] };

    [socket, sid] = await open();
    // The network goes away without a word, as seen from the client.
    const { transport } = socket.io.engine;
    if (transport.ws) transport.ws.terminate();
    else transport.close();
    facts.gone = { sid };
    return facts;
  },

  async silentClient(run) {
    const socket = await connected(run, { variant: "fast" });
    await settled(run, socket);
    const sid = socket.id;
    const engine = socket.io.engine;
    const sendPacket = engine._sendPacket.bind(engine);
    engine._sendPacket = (type, ...rest) => type !== "pong" && sendPacket(type, ...rest);
    const left = seen(socket, "disconnect");
    const started = Date.now();
    const [reason] = await left;
    return { sid, reason, ms: Date.now() - started };
  },

  async heartbeat(run) {
    const socket = await connected(run, { variant: "brief" });
    await settled(run, socket);
    for (let pings = 0; pings < 3; pings += 1) await seen(socket.io.engine, "ping");
    return { alive: await ask(socket, "ack plain", "alive"), connected: socket.connected };
  },

  // The server goes silent (it is stopped with a signal): the client finds out by itself.
  async silentServer(run) {
    const socket = await connected(run, { variant: "fast" });
    await settled(run, socket);
    run.progress("connected");
    const [reason] = await seen(socket, "disconnect");
    return { reason };
  },

  async restart(run) {
    const socket = client(run, {
      reconnection: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
      auth: { tag: "restart" },
    });
    await seen(socket, "connect");
    await settled(run, socket);
    const first = socket.id;
    await ask(socket, "join", "red");
    const left = seen(socket, "disconnect");
    run.progress("connected");
    const [reason] = await left;
    const again = seen(socket, "connect", 20_000);
    // Kept by the client until it is back.
    const buffered = socket.timeout(20_000).emitWithAck("ack plain", "said while away");
    run.progress("away");
    await again;
    return {
      first,
      second: socket.id,
      reason,
      buffered: await buffered,
      rooms: await ask(socket, "join", "blue"),
    };
  },

  async payload(run) {
    const socket = await connected(run);
    await settled(run, socket);
    const sid = socket.id;
    const data = run.binary ? Buffer.alloc(run.size, 7) : "x".repeat(run.size);
    const ended = seen(socket, "disconnect").then(([reason]) => ({ reason }));
    ended.catch(() => {});
    const taken = askAll(socket, "ack plain", data).then(([back]) => ({ size: back.length }));
    taken.catch(() => {});
    return { sid, ...(await Promise.race([ended, taken])) };
  },

  async manyPolls(run) {
    // Far more than one POST of maxPayload bytes takes: the client splits, nothing is lost.
    const socket = await connected(run);
    const maxPayload = socket.io.engine._maxPayload ?? socket.io.engine.maxPayload;
    const filling = "x".repeat(run.size);
    const answers = [];
    for (let turn = 0; turn < run.count; turn += 1) {
      answers.push(ask(socket, "ack", turn, filling));
    }
    return { maxPayload, answers: await Promise.all(answers) };
  },

  async numbers(run) {
    const socket = client(run);
    const heard = [];
    socket.on("number", (value) => heard.push(value));
    const engine = socket.io.engine;
    const transports = [engine.transport.name];
    engine.on("upgrade", (transport) => transports.push(transport.name));
    // The upgrade would be over before the first event: it waits for a part of them.
    const probe = engine._probe.bind(engine);
    const upgrades = [];
    engine._probe = (name) => upgrades.push(name);
    await seen(socket, "connect");
    socket.emit("count", run.total);
    let sent = 0;
    const burst = Math.floor(run.total / 4);
    while (sent < burst) socket.emit("number", sent++);
    upgrades.forEach(probe);
    while (sent < run.total) {
      for (let turn = 0; turn < 10 && sent < run.total; turn += 1) socket.emit("number", sent++);
      await new Promise((done) => setImmediate(done));
    }
    if (transports.length <= upgrades.length) await seen(engine, "upgrade");
    const received = await ask(socket, "numbers");
    for (let turn = 0; turn < 2000 && heard.length < run.total; turn += 1) await sleep(10);
    return { heard, received, transports };
  },

  async order(run) {
    const socket = await connected(run);
    const answers = await Promise.all(
      run.seconds.map((seconds, index) => ask(socket, "start", index, seconds)),
    );
    return { answers };
  },

  async session(run) {
    const [one, two] = await Promise.all([connected(run), connected(run)]);
    await Promise.all([ask(one, "remember", "name", "one"), ask(two, "remember", "name", "two")]);
    return { names: [await ask(one, "recall", "name"), await ask(two, "recall", "name")] };
  },

  async errors(run) {
    const socket = await connected(run);
    socket.emit("fail");
    const facts = {
      nan: run.nan ? await ask(socket, "emit nan") : null,
      reserved: {},
    };
    for (const event of ["connect", "disconnect", "connect_error"]) {
      facts.reserved[event] = await ask(socket, "emit reserved", event);
    }
    facts.alive = await ask(socket, "ack plain", "alive");
    return facts;
  },
};

