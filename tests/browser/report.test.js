// Tests the report.html of a run, and that of an evaluation: node report.test.js CHROMIUM PROGRAM RUN PHOTOGRAPHS
// SCREENSHOTS
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { assertAccessible, assertFits, browser, open } from "./browser.js";

const [, program, run, images, screenshots] = process.argv.slice(2);

// Smallest size of text that people read without zooming, in pixels.
const READABLE = 11;

// Returns an image of one color as a BMP file. `noise` shifts the hue.
function image(hue, noise) {
  const side = 40;
  const bytes = Buffer.alloc(54 + side * side * 3);
  bytes.write("BM");
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(side, 18);
  bytes.writeInt32LE(side, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  for (let at = 0; at < side * side * 3; at += 1) {
    bytes[54 + at] = 128 + 100 * Math.cos((2 * Math.PI * (hue + noise + 2 * (at % 3))) / 6);
  }
  return bytes;
}

// Six classes of colors, the neighbors of which are hard to tell apart.
const six = join(screenshots, "six");
rmSync(six, { recursive: true, force: true });
["red", "yellow", "green", "cyan", "blue", "magenta"].forEach((name, hue) => {
  mkdirSync(join(six, name), { recursive: true });
  for (let at = 0; at < 60; at += 1) {
    writeFileSync(join(six, name, `${at}.bmp`), image(hue, ((at * 37) % 60) / 30 - 1));
  }
});
const permafrost = (...words) => execFileSync(program, words, { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" });
const runOfSix = join(screenshots, "six-run");
rmSync(runOfSix, { recursive: true, force: true });
permafrost("train", six, "--weights", "none", "--last-layer", "block1_pool", "--pooling", "avg", "--image-size", "32", "--epochs", "12", "--no-augment", "--out", runOfSix);
const evaluation = join(screenshots, "evaluation.html");
rmSync(evaluation, { force: true });
const text = permafrost("evaluate", join(run, "best"), join(images, "validation"), "--threshold", "best-f1", "--report", evaluation);
assert.match(text, /^Threshold: dogs above a probability of 0\.\d+ \(best-f1 on these images\)$/m);

const pages = { report: `${run}/report.html`, six: `${runOfSix}/report.html`, evaluation };
const address = pathToFileURL(pages.report).href;

after(() => browser.close());

for (const [name, path] of Object.entries(pages)) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 400]) {
      test(`${name} for everyone, ${colorScheme}, ${width} pixels wide`, async () => {
        const { page, close } = await open(pathToFileURL(path).href, { colorScheme, viewport: { width, height: 900 } });
        await assertFits(page);
        await assertAccessible(page);
        // The height of a text in a chart depends on the width of the chart.
        const sizes = await page.locator(".chart text, .images span").evaluateAll((texts) => texts.map((text) => {
          const svg = text.ownerSVGElement;
          const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
          return parseFloat(getComputedStyle(text).fontSize) * scale;
        }));
        assert.ok(sizes.length > 50 && Math.min(...sizes) >= READABLE, `${Math.min(...sizes)} pixels`);
        await page.screenshot({ path: `${screenshots}/${name}-${width}-${colorScheme}.png`, fullPage: true });
        await close();
      });
    }
  }
}

test("the lists of images have no image in common", async () => {
  const { page, close } = await open(pathToFileURL(pages.six).href, {});
  const names = await page.locator("label.image img:not(.glow)").evaluateAll((images) => images.map((image) => image.title));
  assert.ok(names.length > 0);
  assert.equal(new Set(names).size, names.length);
  await close();
});

for (const javaScriptEnabled of [true, false]) {
  test(`answers to the mouse and the keyboard, ${javaScriptEnabled ? "with" : "without"} scripts`, async () => {
    const { page, close } = await open(address, { javaScriptEnabled, viewport: { width: 1280, height: 900 } });
    const style = (locator, property) => locator.evaluate((node, name) => getComputedStyle(node)[name], property);

    const point = page.locator(".chart .point").last();
    for (const shown of await page.locator(".chart .point text").all()) {
      assert.equal(await style(shown, "opacity"), "0");
    }
    await point.locator(".reach").hover();
    assert.equal(await style(point.locator("text"), "opacity"), "1");
    // The last line of the last chart is that of the probabilities before calibration.
    const stroke = await style(page.locator(".chart polyline.second").last(), "stroke");
    assert.equal(await style(point.locator(".dot"), "fill"), stroke);
    assert.match(await point.locator("text").textContent(), /, .+ [\d.]+: [\d.]+$/);

    const cells = page.locator(".confusion td a");
    assert.ok((await cells.count()) > 1);
    for (const cell of await cells.all()) {
      await cell.focus();
      await page.keyboard.press("Enter");
      const list = page.locator((await cell.getAttribute("href")));
      await list.waitFor({ state: "visible" });
      assert.equal(await page.locator(".cell:visible").count(), 1);
      const count = Number(await cell.textContent());
      const layout = await list.locator("ul.images").evaluate((images) => getComputedStyle(images).display);
      assert.equal(layout, "flex", "the style sheet lays images out");
      const images = await list.locator("img").count();
      const more = await list.locator(".more").count();
      assert.ok(images === count || (images > 0 && images < count && more === 1), `${images} of ${count}`);
      assert.ok(await list.locator("img").first().evaluate((image) => image.complete && image.naturalWidth > 0));
    }

    const section = page.locator("section", { has: page.locator(".glow") }).first();
    assert.equal(await section.locator(".glow:visible").count(), 0);
    await section.locator("label.image").first().click();
    assert.equal(await section.locator(".glow:visible").count(), 1);
    await section.locator("label.image input").first().focus();
    await page.keyboard.press("Space");
    assert.equal(await section.locator(".glow:visible").count(), 0);
    await section.locator(".toggle input").check();
    assert.equal(await section.locator(".glow:visible").count(), await section.locator(".glow").count());
    await close();
  });
}
