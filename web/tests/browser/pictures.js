// Draws the page in its states, and a terminal's words as a picture. Started by `cargo xtask pictures`.

import { chromium, join, row, send } from "./world.js";

const browser = await chromium();
const out = (name) => `${process.env.PICTURES}/${name}.png`;
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 360, height: 740 };

async function newcomer(size, scheme, name) {
  const tab = await (await browser.createBrowserContext()).newPage();
  await tab.setViewport({ ...size, deviceScaleFactor: 1 });
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  if (name) await join(tab, name);
  return tab;
}

async function say(tab, text) {
  await tab.type("#draft", text);
  await tab.keyboard.press("Enter");
  await row(tab, text, ".own:not(.pending)");
}

for (const [size, scheme, name] of [[WIDE, "light", "wide"], [NARROW, "dark", "narrow"]]) {
  const tab = await newcomer(size, scheme);
  await tab.goto(process.env.CHAT_PAGE);
  await tab.waitForSelector("#empty", { visible: true });
  await tab.screenshot({ path: out(`empty-${name}`) });
  await tab.close();
}

const ann = await newcomer(WIDE, "light", "Ann");
await send("Morning! Is the new release out?", "Bob");
await row(ann, "Morning! Is the new release out?");
await say(ann, "Out and green. It went up in under two seconds.");
await send("No servers, no websockets. I still look for the catch.", "Cleo");
await row(ann, "No servers, no websockets. I still look for the catch.");
await send("The fifteen steps are here: https://example.org/design", "Cleo");
await row(ann, "The fifteen steps are here: https://example.org/design");
await say(ann, "A table's stream, a queue and a push service.");
await new Promise((resolve) => setTimeout(resolve, 500));
await ann.screenshot({ path: `${process.env.DOCS}/page.png` });

for (const [size, scheme, name] of [[NARROW, "light", "narrow"], [WIDE, "dark", "wide"], [NARROW, "dark", "narrow-dark"]]) {
  const tab = await newcomer(size, scheme, "Dan");
  await row(tab, "A table's stream, a queue and a push service.");
  await tab.screenshot({ path: out(`conversation-${name}`) });
  await tab.setRequestInterception(true);
  tab.on("request", (request) => request.method() === "POST" ? request.respond({ status: 500, body: '{"detail":"the chat is broken"}' }) : request.continue());
  await tab.type("#draft", "This one does not get through");
  await tab.keyboard.press("Enter");
  await row(tab, "This one does not get through", ".failed");
  await tab.screenshot({ path: out(`failed-${name}`) });
  await tab.close();
}

const COLOURS = ["#20262f", "#e06c60", "#7cc4ae", "#e5b567", "#6ca6e0", "#b48ead", "#6fb3c0", "#d8dee6"];

/** A terminal's text with its colours, as spans: for a picture of our own words, so markup is made by hand here. */
function spans(text) {
  const escape = (part) => part.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  let style = {};
  return text.split(/\x1b\[([0-9;]*)m/).map((part, at) => {
    if (at % 2 === 0) {
      const css = Object.entries(style).map(([key, value]) => `${key}:${value}`).join(";");
      return part && `<span style="${css}">${escape(part)}</span>`;
    }
    for (const code of part.split(";").map(Number)) {
      if (code === 0) style = {};
      if (code === 1) style["font-weight"] = "bold";
      if (code === 2) style.opacity = 0.65;
      if (code === 4) style["text-decoration"] = "underline";
      if (code >= 30 && code < 38) style.color = COLOURS[code - 30];
      if (code >= 90 && code < 98) style.color = COLOURS[code - 90];
      if (code === 39) delete style.color;
    }
    return "";
  }).join("");
}

const terminal = await browser.newPage();
await terminal.setViewport({ width: 980, height: 600, deviceScaleFactor: 1 });
await terminal.setContent(`<style>body{margin:0;background:#161a21}pre{display:inline-block;margin:0;padding:22px 26px;color:#d8dee6;font:14px/1.45 "DejaVu Sans Mono",monospace}</style><pre><span style="color:#7cc4ae">$</span> cargo run -- up\n${spans(process.env.TERMINAL.replaceAll("\r", ""))}</pre>`);
await (await terminal.$("pre")).screenshot({ path: `${process.env.DOCS}/terminal.png` });
await browser.close();
