// Tests the page of `permafrost serve`: node serve.test.js CHROMIUM PROGRAM RUN PHOTOGRAPHS SCREENSHOTS
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { assertAccessible, assertFits, browser, open } from "./browser.js";

const [, program, run, images, screenshots] = process.argv.slice(2);
const cats = join(images, "validation", "cats");
const files = readdirSync(cats).slice(0, 2).map((name) => join(cats, name));

// A threshold that the page has to name.
const model = `${run}-careful`;
rmSync(model, { recursive: true, force: true });
cpSync(join(run, "best"), model, { recursive: true });
const card = join(model, "model.json");
writeFileSync(card, readFileSync(card, "utf8").replace('"threshold": 0.5', '"threshold": 0.625'));

const server = spawn(program, ["serve", model, "--port", "0"], {
  // The run's settings name the weights file.
  stdio: ["ignore", "pipe", "inherit"],
});
const [line] = await new Promise((resolve, reject) => {
  createInterface({ input: server.stdout }).once("line", (line) => resolve([line]));
  server.once("exit", (code) => reject(new Error(`serve ended with ${code}`)));
});
const [address] = line.match(/http:\/\/\S+/);

after(async () => {
  const ended = new Promise((resolve) => server.once("exit", (code, signal) => resolve([code, signal])));
  server.kill("SIGINT");
  assert.deepEqual(await ended, [0, null], "Ctrl-C ends it with success");
  await browser.close();
});

// Drops files onto the page with the events that a browser sends for a real drop.
async function drop(page, named) {
  const data = await page.evaluateHandle((named) => {
    const data = new DataTransfer();
    for (const { name, bytes } of named) {
      const values = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
      data.items.add(new File([values], name, { type: "image/jpeg" }));
    }
    return data;
  }, named);
  for (const event of ["dragenter", "dragover", "drop"]) {
    await page.dispatchEvent("#drop", event, { dataTransfer: data });
  }
}

const read = (path) => ({ name: path.split("/").pop(), bytes: readFileSync(path).toString("base64") });

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 400]) {
    test(`dropped images get a class and a heat map, ${colorScheme}, ${width} pixels wide`, async () => {
      const { page, close } = await open(address, { colorScheme, viewport: { width, height: 900 } });
      await drop(page, files.map(read));
      const cards = page.locator(".card");
      await page.locator('.card[aria-busy="false"]').nth(files.length - 1).waitFor();
      assert.equal(await cards.count(), files.length);
      assert.equal(await page.locator("#threshold").textContent(), "Threshold: dogs above a probability of 0.625");
      for (const card of await cards.all()) {
        assert.match(await card.locator(".class").textContent(), /^(cats|dogs)$/);
        const bars = await card.locator(".bars li").allTextContents();
        assert.equal(bars.length, 2);
        const map = card.locator(".map");
        assert.ok(await map.isVisible());
        // The heat map is drawn and is not uniform.
        const shades = await map.evaluate((canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return new Set(data.filter((_, at) => at % 4 === 3)).size;
        });
        assert.ok(shades > 2, `${shades} shades`);
        await card.locator(".shows-map").uncheck();
        assert.ok(!(await map.isVisible()));
        await card.locator(".shows-map").check();
      }
      await assertFits(page);
      await assertAccessible(page);
      await page.screenshot({ path: `${screenshots}/serve-${width}-${colorScheme}.png`, fullPage: true });
      await close();
    });
  }
}

test("what the page says is what POST /predict says", async () => {
  const answer = await fetch(new URL("/predict", address), { method: "POST", body: readFileSync(files[0]) });
  const { predictions } = await answer.json();
  const { page, close } = await open(address, {});
  await page.locator("#files").setInputFiles(files[0]);
  const card = page.locator('.card[aria-busy="false"]');
  await card.waitFor();
  assert.equal(await card.locator(".class").textContent(), predictions[0].class);
  await close();
});

test("an invalid file gets its reason and a valid one its class", async () => {
  const { page, close } = await open(address, { expected: [/the server responded with a status of 422/] });
  const broken = { name: "broken.jpg", bytes: Buffer.from("no image").toString("base64") };
  await drop(page, [broken, read(files[0])]);
  await page.locator('.card[aria-busy="false"]').nth(1).waitFor();
  const [first, second] = await page.locator(".card").all();
  assert.match(await first.locator(".error").textContent(), /not a JPEG, PNG/);
  assert.ok(await second.locator(".map").isVisible());
  await assertAccessible(page);
  await page.screenshot({ path: `${screenshots}/serve-broken.png`, fullPage: true });
  await close();
});
