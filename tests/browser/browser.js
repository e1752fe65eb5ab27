// A headless Chromium that watches what a page does: whoever opens one here fails where it complains, asks
// for anything from elsewhere, or is no page for everyone.
import assert from "node:assert/strict";
import axe from "axe-core";
import { chromium } from "playwright-core";

const [executablePath] = process.argv.slice(2);

export const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
});

// Opens a page in a window of its own. `settings` are those of Playwright's contexts; what fits one of `expected`
// may be said on the console.
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

// What axe has to say of the page by WCAG 2.1 at level AA and its best practices, contrast included.
export async function assertAccessible(page) {
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
  const said = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
  assert.deepEqual(said, []);
  assert.ok(passes.some(({ id }) => id === "color-contrast"), "axe has looked at contrasts");
}

// Nothing is wider than the window.
export async function assertFits(page) {
  const [content, room] = await page.evaluate(() => [document.scrollingElement.scrollWidth, innerWidth]);
  assert.ok(content <= room, `the page is ${content} pixels wide in a window of ${room}`);
}
