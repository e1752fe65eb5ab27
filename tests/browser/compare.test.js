// Tests the page of `permafrost compare`: node compare.test.js CHROMIUM PROGRAM RUN PHOTOGRAPHS SCREENSHOTS
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync, cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { assertAccessible, assertFits, browser, open } from "./browser.js";

const [, program, run, , screenshots] = process.argv.slice(2);

// Copies the run twice into a folder with a long name, and changes one setting and one metric of the second copy.
const folder = `${run}-${"long".repeat(40)}`;
rmSync(folder, { recursive: true, force: true });
const [first, other] = ["run", "run-other"].map((name) => join(folder, name));
for (const copy of [first, other]) cpSync(run, copy, { recursive: true });
const change = (name, from, to) => {
  const text = readFileSync(join(other, name), "utf8");
  assert.match(text, from);
  writeFileSync(join(other, name), text.replace(from, to));
};
change("config.toml", /learning_rate = 0.001\n/, "learning_rate = 0.01\n");
change("history.csv", /^1,[\d.]+/m, "1,1.25");
// For two notes.
change("config.toml", /epochs = 3\n/, "epochs = 30\n");
change("last/model.json", /"cats"/, '"kittens"');
const file = join(screenshots, "compare.html");
execFileSync(program, ["compare", first, other, "--out", file], { stdio: "inherit" });

after(() => browser.close());

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 400]) {
    test(`for everyone, ${colorScheme}, ${width} pixels wide`, async () => {
      const viewport = { width, height: 900 };
      const { page, close } = await open(pathToFileURL(file).href, { colorScheme, viewport });
      await assertFits(page);
      await assertAccessible(page);
      const text = await page.locator("body").textContent();
      for (const part of ["run-other", "learning_rate", "0.01", "classes differ from"]) assert.ok(text.includes(part), part);
      // The whole table is visible in a wide window.
      const table = page.locator(".wide").first();
      const [content, room] = await table.evaluate((node) => [node.scrollWidth, node.clientWidth]);
      await page.screenshot({ path: `${screenshots}/compare-${width}-${colorScheme}.png`, fullPage: true });
      assert.ok(width < 1280 || content <= room, `the table is ${content} pixels wide in ${room}`);
      // If points of two runs overlap, the last point is on top.
      const point = page.locator(".chart .point").last();
      const opacity = () => point.locator("text").evaluate((node) => getComputedStyle(node).opacity);
      assert.equal(await opacity(), "0");
      await point.locator(".reach").hover();
      assert.equal(await opacity(), "1");
      await page.screenshot({ path: `${screenshots}/compare-${width}-${colorScheme}.png`, fullPage: true });
      await close();
    });
  }
}
