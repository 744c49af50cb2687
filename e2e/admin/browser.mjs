// The official Admin UI in Chromium: node browser.mjs URL CHROMIUM SCREENSHOT.
// Prints one JSON line with what it showed.
import { chromium } from "playwright-core";
import { io } from "socket.io-client";

const [url, executablePath, screenshot] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
});
const problems = [];
try {
  const socket = io(url);
  await new Promise((done) => socket.once("connect", done));
  const { id } = socket; // which it forgets when it is disconnected

  const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (error) => problems.push(error.message));
  await page.route(/^https?:\/\/(?!127\.0\.0\.1)/, (route) => route.abort()); // its fonts
  await page.goto(`${url}/ui/`);
  await page.getByLabel("Server URL").fill(url);
  await page.getByLabel("Username").fill("admin");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByText("invalid credentials").waitFor();
  await page.getByLabel("Password").fill("change me");
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByText("invalid credentials").waitFor({ state: "hidden" });
  const facts = {};

  await page.goto(`${url}/ui/#/servers/`);
  await page.getByText("example", { exact: true }).first().waitFor();
  facts.server = true;
  await page.goto(`${url}/ui/#/sockets/`);
  await page.getByText(id).first().waitFor();
  facts.socket = true;
  await page.goto(`${url}/ui/#/rooms/`);
  await page.getByText("everyone").first().waitFor();
  facts.room = true;
  await page.goto(`${url}/ui/#/events/`);
  socket.emit("hello", "from the browser's test");
  await page.getByText("event_received").or(page.getByText("hello")).first().waitFor();
  facts.event = true;

  // It comes back by its session, without credentials.
  await page.reload();
  await page.goto(`${url}/ui/#/sockets/`);
  await page.getByText(id).first().waitFor();
  facts.cameBack = true;
  await page.screenshot({ path: screenshot });

  socket.disconnect();
  await page.getByText(id).first().waitFor({ state: "detached" });
  facts.gone = true;
  facts.problems = problems;
  console.log(JSON.stringify(facts));
} finally {
  await browser.close();
}
process.exit();
