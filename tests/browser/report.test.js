// Tests the report.html of a run: node report.test.js CHROMIUM PROGRAM RUN PHOTOGRAPHS SCREENSHOTS
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { assertAccessible, assertFits, browser, open } from "./browser.js";

const [, , run, , screenshots] = process.argv.slice(2);
const address = pathToFileURL(`${run}/report.html`).href;

after(() => browser.close());

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 400]) {
    test(`for everyone, ${colorScheme}, ${width} pixels wide`, async () => {
      const { page, close } = await open(address, { colorScheme, viewport: { width, height: 900 } });
      await assertFits(page);
      await assertAccessible(page);
      await page.screenshot({ path: `${screenshots}/report-${width}-${colorScheme}.png`, fullPage: true });
      await close();
    });
  }
}

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
    const stroke = await style(page.locator(".chart polyline.first").first(), "stroke");
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
    assert.ok(await section.locator(".glow").first().isVisible());
    await section.locator(".toggle input").uncheck();
    assert.equal(await section.locator(".glow:visible").count(), 0);
    await close();
  });
}
