// The scrolling list of messages: only the newest are in the page, nodes of unchanged messages stay.

import { h, icon } from "./dom.js";
import { bubble } from "./messages.js";
import { loadMessages, markRead, personOf, state } from "./store.js";
import { dayKey, dayName } from "./times.js";

const STEP = 100;
const NEAR = 80;
const SAME_BLOCK = 300;

export function history(person, hands) {
  const list = h("div", { class: "messages", role: "log", "aria-label": "Messages", testid: "messages" });
  const scroller = h("div", { class: "scroller", tabindex: -1 }, list);
  const pill = h("button", { type: "button", class: "pill", hidden: true, testid: "new-messages", onclick: () => toBottom(true) });
  let shown = STEP;
  let atBottom = true;
  let fresh = 0;
  let rows = new Map();

  function groups() {
    const all = state.chats.get(person)?.messages || [];
    const from = Math.max(0, all.length - shown);
    const found = [];
    for (const message of all.slice(from)) {
      const previous = found.at(-1);
      const album = message.media_group_id;
      if (album && previous?.[0].media_group_id === album) previous.push(message);
      else found.push([message]);
    }
    return found;
  }

  function together(a, b) {
    return a && b && a[0].from.id === b[0].from.id && dayKey(a[0].date) === dayKey(b[0].date) && b[0].date - a.at(-1).date < SAME_BLOCK;
  }

  function wanted() {
    const found = groups();
    const lines = [];
    found.forEach((messages, index) => {
      const day = dayKey(messages[0].date);
      if (!index || dayKey(found[index - 1][0].date) !== day) lines.push({ key: `day-${day}`, parts: [day], day: messages[0].date });
      const first = !together(found[index - 1], messages);
      const last = !together(messages, found[index + 1]);
      lines.push({ key: `m-${messages[0].message_id}`, parts: messages, first, last });
    });
    return lines;
  }

  // An unchanged message keeps its node, and with it a shown spoiler, a selection and the focus.
  function nodeOf(line) {
    const old = rows.get(line.key);
    const same = old?.parts.length === line.parts.length && old.parts.every((part, n) => part === line.parts[n]);
    if (line.day) return same ? old.node : h("div", { class: "day", role: "separator" }, h("span", {}, dayName(line.day)));
    const node = same ? old.node : bubble(line.parts, hands);
    node.classList.toggle("first", line.first);
    node.classList.toggle("last", line.last);
    return node;
  }

  function render({ older = false, afresh = false } = {}) {
    if (afresh) rows = new Map();
    const height = scroller.scrollHeight;
    const top = scroller.scrollTop;
    const next = new Map();
    let cursor = list.firstChild;
    for (const line of wanted()) {
      const node = nodeOf(line);
      next.set(line.key, { node, parts: line.parts });
      if (node === cursor) cursor = cursor.nextSibling;
      else list.insertBefore(node, cursor);
    }
    while (cursor) {
      const gone = cursor;
      cursor = cursor.nextSibling;
      gone.remove();
    }
    rows = next;
    if (older) scroller.scrollTop = top + scroller.scrollHeight - height;
    else if (atBottom) toBottom();
  }

  function toBottom(smooth = false) {
    scroller.scrollTo({ top: scroller.scrollHeight, behavior: smooth ? "smooth" : "instant" });
    look();
  }

  function look() {
    const seen = document.visibilityState === "visible" && scroller.offsetParent !== null; // not behind the list of a phone
    if (!atBottom || !seen) return;
    fresh = 0;
    showPill();
    if (personOf(person)?.unread) markRead(person);
  }

  function showPill() {
    pill.hidden = atBottom;
    const words = fresh ? `${fresh} new message${fresh > 1 ? "s" : ""}` : "";
    pill.setAttribute("aria-label", words || "To the newest message");
    pill.replaceChildren(...(words ? [words] : []), icon("down"));
  }

  async function more() {
    const chat = state.chats.get(person);
    if (!chat || chat.loading) return;
    if (chat.messages.length > shown) {
      shown += STEP;
      render({ older: true });
    } else if (chat.more) {
      shown += STEP;
      await loadMessages(person, { older: true });
    }
  }

  scroller.addEventListener("scroll", () => {
    atBottom = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
    if (atBottom) look();
    showPill();
    if (scroller.scrollTop < 300) more().catch(hands.problem);
  }, { passive: true });

  const stick = new ResizeObserver(() => atBottom && toBottom());
  stick.observe(scroller);
  stick.observe(list);

  return {
    nodes: [scroller, pill],
    list,
    render,
    look,
    arrived(message) {
      if (message.out) atBottom = true;
      else if (!atBottom) fresh += 1;
      showPill();
    },
    toBottom,
    close: () => stick.disconnect(),
  };
}
