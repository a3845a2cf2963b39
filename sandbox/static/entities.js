// Turns a text and its entities into nodes. Offsets count UTF-16 units, as JavaScript strings do.

import { h } from "./dom.js";
import { completeTime, inFormat } from "./times.js";

const SAFE = new Set(["http:", "https:", "mailto:"]);

export function safeUrl(text) {
  try {
    const url = new URL(/^[a-z][a-z0-9+.-]*:/i.test(text) ? text : `https://${text}`);
    return SAFE.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

export function link(address, children, hands) {
  const href = safeUrl(address);
  if (!href) return h("span", {}, children);
  const payload = hands.startPayload?.(href);
  const onclick = payload === undefined || payload === null ? null : (event) => (event.preventDefault(), hands.start(payload));
  return h("a", { href, target: "_blank", rel: "noopener noreferrer", title: href, onclick }, children);
}

function spoiler(children) {
  const node = h("span", { class: "spoiler", role: "button", tabindex: 0, "aria-label": "Hidden text; press to show it" }, h("span", {}, children));
  const show = () => {
    node.classList.add("shown");
    for (const name of ["role", "tabindex", "aria-label"]) node.removeAttribute(name);
  };
  node.addEventListener("click", show);
  node.addEventListener("keydown", (event) => event.key === "Enter" && show());
  return node;
}

function expandable(children) {
  const quote = h("blockquote", { class: "folded" }, children);
  const toggle = h("button", { type: "button", class: "unfold" }, "Show more");
  toggle.addEventListener("click", () => {
    toggle.textContent = quote.classList.toggle("folded") ? "Show more" : "Show less";
  });
  return h("div", {}, quote, toggle);
}

function pre(entity, children) {
  return h("pre", { tabindex: 0, data: { language: entity.language || "" } }, h("code", {}, children));
}

// In the reader's own zone where the message asks for a format; its complete form always shows on hovering.
function moment(entity, inner) {
  const shown = inFormat(entity.unix_time, entity.date_time_format);
  return h("time", { class: "moment", title: completeTime(entity.unix_time) }, shown ? [shown] : inner);
}

const WRAP = {
  bold: (_, inner) => h("b", {}, inner),
  italic: (_, inner) => h("i", {}, inner),
  underline: (_, inner) => h("u", {}, inner),
  strikethrough: (_, inner) => h("s", {}, inner),
  spoiler: (_, inner) => spoiler(inner),
  code: (_, inner, text, hands) => h("code", { title: "Copy", onclick: () => hands.copy?.(text) }, inner),
  pre: (entity, inner) => pre(entity, inner),
  date_time: (entity, inner) => moment(entity, inner),
  blockquote: (_, inner) => h("blockquote", {}, inner),
  expandable_blockquote: (_, inner) => expandable(inner),
  text_link: (entity, inner, _, hands) => link(entity.url, inner, hands),
  url: (_, inner, text, hands) => link(text, inner, hands),
  email: (_, inner, text, hands) => h("button", { type: "button", class: "inline-link", onclick: () => hands.copy?.(text) }, inner),
  bot_command: (_, inner, text, hands) => h("button", { type: "button", class: "inline-link", onclick: () => hands.command?.(text) }, inner),
  mention: (_, inner) => h("span", { class: "tag" }, inner),
  text_mention: (_, inner) => h("span", { class: "tag" }, inner),
  hashtag: (_, inner) => h("span", { class: "tag" }, inner),
  cashtag: (_, inner) => h("span", { class: "tag" }, inner),
};

const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);

export function formatted(text, entities = [], hands = {}) {
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  const [nodes] = span(text, sorted, 0, 0, text.length, hands);
  return nodes;
}

// The nodes from `start` to `end`, using entities from `next` on; gives the first entity that lies behind.
function span(text, entities, next, start, end, hands) {
  const nodes = [];
  let position = start;
  while (next < entities.length && entities[next].offset < end) {
    const entity = entities[next];
    const from = Math.max(entity.offset, position);
    const to = Math.min(entity.offset + entity.length, end);
    if (to <= from) {
      next += 1;
      continue;
    }
    if (from > position) nodes.push(text.slice(position, from));
    const [inner, following] = span(text, entities, next + 1, from, to, hands);
    const wrap = WRAP[entity.type];
    nodes.push(...(wrap ? [wrap(entity, inner, text.slice(from, to), hands)] : inner));
    position = to;
    next = following;
    // A block breaks the line by itself; its own line feed would make an empty line.
    if (BLOCKS.has(entity.type) && text[position] === "\n" && position < end) position += 1;
  }
  if (position < end) nodes.push(text.slice(position, end));
  return [nodes, next];
}
