// The simulated inbox: the list of mails and one mail.

import { clearInbox, get } from "./api.js";
import { avatar, h, icon, iconButton, sizeOf } from "./dom.js";
import { link } from "./entities.js";
import { confirmBox, problem } from "./notices.js";
import { state } from "./store.js";
import { completeTime, listTime } from "./times.js";

const LINK = /https?:\/\/[^\s<>"']*[^\s<>"'.,:;!?)\]]/g;
const CAGE = "allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation";

function row(mail) {
  const to = mail.recipients.join(", ");
  return h("a", { class: `item mail ${mail.read ? "" : "unread"}`, href: `/inbox#${mail.id}`, "aria-current": mail.id === state.mail ? "page" : null, testid: "mail-row" },
    avatar(to, mail.id),
    h("span", { class: "item-words" },
      h("small", { dir: "auto" }, `To ${to}`),
      h("b", { dir: "auto" }, mail.subject || "(no subject)"),
      h("span", { class: "faint", dir: "auto" }, mail.preview)),
    h("span", { class: "item-side" }, h("time", {}, listTime(mail.received_at)), mail.read ? null : h("span", { class: "dot", role: "img", "aria-label": "unread" })));
}

export function mailList() {
  if (!state.mails.length) return [h("p", { class: "lead" }, "No mail yet. Everything the bot sends by e-mail arrives here and nowhere else.")];
  return state.mails.map(row);
}

export function clearButton() {
  if (!state.mails.length) return null;
  const ask = () => confirmBox("Delete all mails of the sandbox?", "Delete all", () => clearInbox().catch(problem));
  return h("button", { type: "button", class: "wide plain", testid: "clear-inbox", onclick: ask }, "Empty the inbox");
}

export function emptyMail(back) {
  const words = state.mails.length ? "Choose a mail from the list." : "Mails arrive here by themselves.";
  return h("section", { class: "mail-view nothing" },
    h("header", { class: "head only-phone" }, iconButton("back", "Back to the list", "back", back)),
    h("div", { class: "nothing-words" }, icon("mail"), h("p", {}, words)));
}

// The plain part with its links; the bot's own link opens the chat.
function plain(text, hands) {
  const nodes = [];
  let position = 0;
  for (const match of text.matchAll(LINK)) {
    nodes.push(text.slice(position, match.index), link(match[0], match[0], hands));
    position = match.index + match[0].length;
  }
  return h("div", { class: "mail-text", dir: "auto", tabindex: 0, testid: "mail-text" }, nodes, text.slice(position));
}

function headers(mail) {
  const lines = mail.headers.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { dir: "auto" }, value)));
  return h("div", { class: "mail-headers", tabindex: 0 }, h("table", {}, h("tbody", {}, lines)));
}

function html(mail) {
  return h("iframe", { class: "mail-html", src: `/api/inbox/${mail.id}/html`, sandbox: CAGE, title: `Mail: ${mail.subject}`, testid: "mail-html" });
}

function attachments(mail) {
  if (!mail.attachments.length) return null;
  return h("div", { class: "mail-files", "aria-label": "Attachments" }, mail.attachments.map((file) =>
    h("a", { class: "document", href: `/api/inbox/${mail.id}/attachments/${file.number}`, download: file.name },
      h("span", { class: "document-mark" }, icon("file")),
      h("span", {}, h("b", { dir: "auto" }, file.name), h("small", {}, sizeOf(file.size))))));
}

function parts(mail, hands) {
  const body = h("div", { class: "mail-body" });
  const views = [["Text", () => plain(mail.text, hands)], ["Headers", () => headers(mail)]];
  if (mail.has_html) views.unshift(["Mail", () => html(mail)]);
  if (mail.has_html && !mail.text) views.splice(1, 1);
  const buttons = views.map(([name, make]) =>
    h("button", { type: "button", role: "tab", onclick: (event) => pick(event.currentTarget, make), testid: `part-${name.toLowerCase()}` }, name));
  function pick(button, make) {
    for (const one of buttons) one.setAttribute("aria-selected", String(one === button));
    body.replaceChildren(make());
  }
  pick(buttons[0], views[0][1]);
  const raw = h("a", { href: `/api/inbox/${mail.id}/raw`, download: `mail-${mail.id}.eml` }, "Download");
  return [h("div", { class: "mail-parts", role: "tablist", "aria-label": "Parts of the mail" }, buttons, raw), body];
}

export async function mailView(id, hands) {
  const mail = await get(`/api/inbox/${id}`);
  return h("section", { class: "mail-view", testid: "mail", "aria-label": mail.subject },
    h("header", { class: "head" },
      iconButton("back", "Back to the list", "back", hands.back),
      h("div", { class: "head-names" },
        h("h1", { dir: "auto", testid: "mail-subject" }, mail.subject || "(no subject)"),
        h("span", { class: "status", dir: "auto" }, `${mail.from} → ${mail.to}`),
        h("time", { class: "status" }, completeTime(mail.received_at)))),
    attachments(mail),
    parts(mail, hands));
}
