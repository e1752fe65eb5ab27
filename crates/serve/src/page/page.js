// Sends each photo that is dropped, chosen or pasted to `/predict` and shows it as a card. Text from files and from the
// server is inserted as text, never as markup.
"use strict";

// Number of classes on a card, of requests at once, and of retries for each photo.
const SHOWN = 5;
const AT_ONCE = 4;
const RETRIES = 10;

const at = (id) => document.getElementById(id);
const [cards, files, tools, status, allMaps] =
  ["cards", "files", "tools", "status", "all-maps"].map(at);

const waiting = [];
let sending = 0;
let limit = Infinity;

const percent = (probability) => `${(100 * probability).toFixed(1)}\u00a0%`;

async function begin() {
  at("commands").textContent =
    `curl --data-binary @image.jpg '${location.origin}/predict?heat_map=true'\n` +
    `curl -F image=@1.jpg -F image=@2.jpg '${location.origin}/predict?heat_map=true'`;
  try {
    const health = await (await fetch("/health")).json();
    const { classes, threshold } = health;
    limit = health.limits.bytes;
    at("model").textContent = `Permafrost, ${health.model}`;
    document.title = `Permafrost, ${health.model}`;
    at("question").textContent = classes.length > 5
      ? `Which of ${classes.length} classes?`
      : `${classes.slice(0, -1).join(", ")} or ${classes.at(-1)}?`;
    if (threshold !== null && threshold !== 0.5) {
      at("threshold").textContent = `Threshold: ${classes[1]} above a probability of ${threshold}`;
      at("threshold").hidden = false;
    }
  } catch {
    at("fault").textContent = "The server does not respond. Check that it is running, then reload this page.";
    at("fault").hidden = false;
  }
}

// Adds cards for new photos at the top, in the order of the files.
function add(files) {
  const added = Array.from(files, (file) => {
    const card = at("card").content.firstElementChild.cloneNode(true);
    const name = file.name || "pasted image";
    card.querySelector(".name").textContent = name;
    const image = card.querySelector("img");
    image.alt = name;
    image.addEventListener("error", () => {
      card.classList.add("unshown");
      card.querySelector(".name").textContent = `${name} (not shown by this browser)`;
    });
    image.src = URL.createObjectURL(file);
    const toggle = card.querySelector(".shows-map");
    toggle.checked = allMaps.checked;
    toggle.setAttribute("aria-label", `Heat map of ${name}`);
    toggle.addEventListener("change", () => showMap(card));
    waiting.push({ file, card, name });
    return card;
  });
  cards.prepend(...added);
  tools.hidden = cards.childElementCount === 0;
  sendNext();
}

function sendNext() {
  while (sending < AT_ONCE && waiting.length > 0) {
    const { file, card, name } = waiting.shift();
    sending += 1;
    predict(file)
      .then((prediction) => showPrediction(card, name, prediction), (fault) => showFault(card, name, fault))
      .finally(() => {
        card.setAttribute("aria-busy", "false");
        sending -= 1;
        sendNext();
      });
  }
}

// Returns the prediction for a photo, or throws an object with `error` and `hint`.
async function predict(file) {
  if (file.size > limit) {
    throw { error: `the file is larger than ${limit / 1e6} MB`, hint: "make it smaller, or start the server with a higher limit" };
  }
  // A folder can be dropped but not read.
  await file.slice(0, 1).arrayBuffer().catch(() => {
    throw { error: "the file can't be read", hint: "drop files, not folders" };
  });
  for (let retries = 0; ; retries += 1) {
    const headers = { "Content-Type": "application/octet-stream" };
    const asked = fetch("/predict?heat_map=true", { method: "POST", headers, body: file });
    const answer = await asked.then(async (response) => ({
      ok: response.ok,
      // Seconds, if the server is busy.
      wait: Number(response.headers.get("Retry-After") ?? Infinity),
      said: await response.json(),
    })).catch(() => {
      throw { error: "the server does not respond", hint: "check that it is running" };
    });
    if (answer.ok) {
      return answer.said.predictions[0];
    }
    if (answer.wait > 5 || retries === RETRIES) {
      throw answer.said;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000 * answer.wait));
  }
}

function showPrediction(card, name, { class: predicted, probabilities, heat_map: map }) {
  card.querySelector(".class").textContent = predicted;
  const best = Object.entries(probabilities).sort(([, one], [, other]) => other - one).slice(0, SHOWN);
  card.querySelector(".bars").replaceChildren(...best.map(([label, probability]) => bar(label, probability)));
  card.querySelector(".bars").hidden = false;
  draw(card.querySelector(".map"), map);
  card.querySelector(".toggle").hidden = false;
  showMap(card);
  status.textContent = `${name}: ${predicted}, ${percent(probabilities[predicted])}`;
}

function showFault(card, name, { error, hint }) {
  card.querySelector(".class").textContent = "No prediction";
  for (const [part, text] of [["error", error], ["hint", hint]]) {
    card.querySelector(`.${part}`).textContent = text;
    card.querySelector(`.${part}`).hidden = false;
  }
  status.textContent = `${name}: ${error}`;
}

function bar(label, probability) {
  const part = (kind, ...content) => {
    const element = document.createElement("span");
    element.className = kind;
    element.append(...content);
    return element;
  };
  const filled = document.createElement("span");
  filled.style.width = `${100 * probability}%`;
  const track = part("track", filled);
  track.setAttribute("aria-hidden", "true");
  const row = document.createElement("li");
  row.append(part("label", label), part("value", percent(probability)), track);
  return row;
}

function showMap(card) {
  card.querySelector(".map").hidden = !card.querySelector(".shows-map").checked;
}

// Draws the heat map in the colors of the report: transparent for 0, bright yellow for 1. The canvas has one pixel for
// each value, and the browser smooths it when scaling it to the image.
function draw(canvas, { width, height, values }) {
  [canvas.width, canvas.height] = [width, height];
  const pixels = new ImageData(width, height);
  values.flat().forEach((heat, place) => {
    pixels.data.set([255, 40 + 190 * heat, 20, 175 * heat], 4 * place);
  });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

files.addEventListener("change", () => {
  add(files.files);
  // Allows the same file to be chosen again.
  files.value = "";
});
allMaps.addEventListener("change", () => {
  for (const card of cards.children) {
    card.querySelector(".shows-map").checked = allMaps.checked;
    if (!card.querySelector(".toggle").hidden) {
      showMap(card);
    }
  }
});
at("clear").addEventListener("click", () => {
  for (const image of cards.querySelectorAll("img")) {
    URL.revokeObjectURL(image.src);
  }
  waiting.length = 0;
  cards.replaceChildren();
  tools.hidden = true;
  status.textContent = "Cleared";
  files.focus();
});
// Accept drops anywhere on the page. Outside the field the browser would open the file instead.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) {
    document.body.classList.remove("dragging");
  }
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  add(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => add(event.clipboardData.files));

begin();
