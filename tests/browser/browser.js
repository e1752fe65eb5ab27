// Tests of pages in a headless Chromium. A page fails if it logs a problem, requests anything from another origin, is
// not accessible, or is wider than the window.
import assert from "node:assert/strict";
import axe from "axe-core";
import { chromium } from "playwright-core";

const [executablePath] = process.argv.slice(2);

export const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
});

// Opens a page in a new context of Playwright with `settings`. Console messages that match one of `expected` are
// allowed.
export async function open(address, { expected = [], ...settings }) {
  const context = await browser.newContext(settings);
  const page = await context.newPage();
  const faults = [];
  const origin = new URL(address).origin;
  page.on("console", (message) => {
    const isExpected = expected.some((pattern) => pattern.test(message.text()));
    if (message.type() !== "log" && !isExpected) faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    const url = new URL(request.url());
    const own = origin === "null" ? request.url().split("#")[0] === address : url.origin === origin;
    if (!own && !["data:", "blob:"].includes(url.protocol)) faults.push(`asks for ${request.url()}`);
  });
  await page.goto(address);
  const close = async () => {
    await context.close();
    assert.deepEqual(faults, []);
  };
  return { page, close };
}

// Asserts that axe finds no violation of WCAG 2.1 level AA or of its best practices, including contrast.
export async function assertAccessible(page) {
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
  const said = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
  assert.deepEqual(said, []);
  assert.ok(passes.some(({ id }) => id === "color-contrast"), "axe has looked at contrasts");
}

// Asserts that the page is not wider than the window.
export async function assertFits(page) {
  const [content, room] = await page.evaluate(() => [document.scrollingElement.scrollWidth, innerWidth]);
  assert.ok(content <= room, `the page is ${content} pixels wide in a window of ${room}`);
}
