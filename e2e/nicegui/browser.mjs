// A page of NiceGUI in Chromium.
//
//   node browser.mjs URL CHROMIUM
// Prints one JSON line with what the page showed.
import { chromium } from "playwright-core";

const [url, executablePath] = process.argv.slice(2);
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const browser = await chromium.launch({ executablePath, args: FLAGS });
const page = await browser.newPage();
page.setDefaultTimeout(30_000);
const errors = [];
page.on("pageerror", (error) => errors.push(error.message));

await page.goto(url);
await page.locator(".connected").waitFor();
for (let count = 1; count <= 3; count += 1) {
  await page.getByRole("button", { name: "Press" }).click();
  await page.locator(".presses", { hasText: `${count} presses` }).waitFor();
}
await page.getByLabel("Say").fill("hello");
await page.locator(".echo", { hasText: "HELLO" }).waitFor();
await page.getByRole("button", { name: "Ask" }).click();
await page.locator(".answer", { hasText: "42" }).waitFor();
const shown = {};
for (const name of ["connected", "presses", "echo", "answer"]) {
  shown[name] = await page.locator(`.${name}`).innerText();
}
await browser.close();
console.log(JSON.stringify({ shown, errors }));
