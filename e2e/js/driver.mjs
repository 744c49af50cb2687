// Runs scenarios of the JavaScript client.
//
//   node driver.mjs SCENARIO URL [OPTIONS-AS-JSON]   one scenario, one JSON line
//   node driver.mjs                                  one JSON request per line of standard input:
//       {"id": 1, "scenario": "connect", "url": "http://…", …options}
//     answered by {"id": 1, "result": …} or {"id": 1, "error": "…"}, in between
//     {"id": 1, "progress": "name"} where the scenario waits for something from outside.
import { createInterface } from "node:readline";
import { scenarios } from "./scenarios.mjs";

const write = (line) => process.stdout.write(`${JSON.stringify(line, toText)}\n`);

function toText(key, value) {
  // Node's Buffer has turned itself into {type, data} before a replacer sees it.
  const raw = this[key];
  if (ArrayBuffer.isView(raw)) {
    return { $binary: Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString("hex") };
  }
  if (raw instanceof ArrayBuffer) return { $binary: Buffer.from(raw).toString("hex") };
  return value;
}

function toBinary(_key, value) {
  return typeof value?.$binary === "string" ? Buffer.from(value.$binary, "hex") : value;
}

const running = new Set();

// An error outside every promise, in an event listener say, fails whatever is running.
process.on("uncaughtException", (error) => {
  for (const id of running) write({ id, error: `uncaught: ${error?.stack ?? error}` });
});

async function perform(request) {
  const { id, scenario } = request;
  running.add(id);
  const run = { ...request, cleanups: [], progress: (name) => write({ id, progress: name }) };
  try {
    if (!(scenario in scenarios)) throw new Error(`no scenario is called "${scenario}"`);
    write({ id, result: (await scenarios[scenario](run)) ?? null });
  } catch (error) {
    const cause = error?.description?.message ?? error?.context?.statusText;
    write({ id, error: `${error?.stack ?? error}${cause ? ` (${cause})` : ""}` });
  } finally {
    running.delete(id);
    for (const cleanup of run.cleanups) cleanup();
  }
}

const [scenario, url, options] = process.argv.slice(2);
if (scenario) {
  await perform({ id: 0, scenario, url, ...JSON.parse(options || "{}", toBinary) });
  process.exit();
}
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim()) perform(JSON.parse(line, toBinary));
}
process.exit();
