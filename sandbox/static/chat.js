// The conversation of one person with the bot.

import { post } from "./api.js";
import { composer } from "./composer.js";
import { avatar, fullName, h, iconButton } from "./dom.js";
import { history } from "./history.js";
import { alertBox, confirmBox, menu, problem, toast } from "./notices.js";
import { acting as actingIn, isGroup, loadMessages, on, personOf, speakerOf, state } from "./store.js";

const ACTIONS = { typing: "typing", upload_photo: "sending a picture", upload_document: "sending a file" };
const ACTION_LASTS = 5500;
const UNANSWERED = 20_000;

let open = null; // the conversation on screen

export function startPayload(address) {
  try {
    const url = new URL(address, location.href);
    const ours = ["t.me", location.host].includes(url.host) || ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
    if (!ours || url.pathname.slice(1).toLowerCase() !== state.bot.username.toLowerCase()) return null;
    return url.searchParams.get("start") ?? "";
  } catch {
    return null;
  }
}

export async function sendStart(person, payload) {
  await post(`/api/chats/${person}/send`, { text: `/start ${payload}`.trim(), ...actingIn(person) }).catch(problem);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.", { seconds: 2 });
  } catch {
    toast("The browser did not allow copying.");
  }
}

function clearPress(id) {
  const key = state.pressed.get(id);
  state.pressed.delete(id);
  const buttons = document.querySelectorAll(`[data-press="${CSS.escape(key || "")}"]`);
  for (const button of buttons) {
    button.classList.remove("waiting");
    button.removeAttribute("aria-busy");
  }
}

const early = new Map(); // answers that came before the press was confirmed

async function press(message, button, key) {
  const person = message.chat.id;
  if ([...state.pressed.values()].includes(key)) return;
  for (const node of document.querySelectorAll(`[data-press="${CSS.escape(key)}"]`)) node.classList.add("waiting");
  const provisional = `local-${key}`;
  state.pressed.set(provisional, key);
  try {
    const id = await post(`/api/chats/${person}/press`, { message_id: message.message_id, data: button.callback_data, ...actingIn(person) });
    state.pressed.delete(provisional);
    state.pressed.set(id, key);
    if (early.has(id)) clearPress(id);
    early.clear();
    setTimeout(() => {
      if (!state.pressed.has(id)) return;
      clearPress(id);
      if (open?.person === person) toast("The bot has not answered this button yet.");
    }, UNANSWERED);
  } catch (error) {
    clearPress(provisional);
    problem(error);
  }
}

function answered(event) {
  if (state.pressed.has(event.press_id)) clearPress(event.press_id);
  else early.set(event.press_id, true);
  if (event.person !== (open && speakerOf(open.person))) return;
  if (event.text && event.show_alert) alertBox(event.text, state.bot.name);
  else if (event.text) toast(event.text, { testid: "answer" });
  if (event.url && startPayload(event.url) !== null) sendStart(event.person, startPayload(event.url));
}

function messageMenu(event, message) {
  if (getSelection()?.toString() || event.target.closest("a")) return; // the browser's own menu is of more use
  event.preventDefault();
  const text = message.text || message.caption;
  const choices = [];
  if (text) choices.push({ label: "Copy text", run: () => copy(text) });
  if (message.from.id === speakerOf(message.chat.id) && message.text) choices.push({ label: "Edit", run: () => open.composer.edit(message) });
  const remove = () => post(`/api/chats/${message.chat.id}/delete`, { message_id: message.message_id, ...actingIn(message.chat.id) }).catch(problem);
  choices.push({ label: "Delete", danger: true, run: remove });
  menu({ getBoundingClientRect: () => new DOMRect(event.clientX, event.clientY, 0, 0) }, choices);
}

function chatMenu(event, id) {
  const blocked = personOf(id)?.blocked;
  const block = (wanted) => post(`/api/chats/${id}/block`, { blocked: wanted }).catch(problem);
  const ask = () => confirmBox("Block the bot? It can then no longer write to this person, as in Telegram.", "Block", () => block(true));
  menu(event.currentTarget, [blocked ? { label: "Unblock the bot", run: () => block(false) } : { label: "Block the bot", danger: true, run: ask }]);
}

function greeting(id) {
  const begin = async () => {
    await sendStart(id, "");
    if (open?.person === id) focusInput();
  };
  const start = h("button", { type: "button", class: "start", testid: "start", onclick: begin }, "START");
  return h("section", { class: "greeting", testid: "greeting", hidden: true },
    h("img", { src: "/static/bell.svg", width: 72, height: 72, alt: "" }),
    h("h2", { dir: "auto" }, state.bot.name),
    state.bot.description ? h("p", { dir: "auto" }, state.bot.description) : null,
    h("p", { class: "faint" }, "This is a sandbox: Telegram and e-mail are simulated on this computer. Press START."),
    start);
}

// In a group: who writes, and into which topic.
function groupChoices(group) {
  const choice = (label, testid, options, chosen, taken) => {
    const list = h("select", { class: "as", "aria-label": label, title: label, testid, onchange: () => (taken(Number(list.value)), open?.history.render({ afresh: true }), open?.composer.loadCommands()) },
      options.map(([value, words]) => h("option", { value, selected: value === chosen }, words)));
    return list;
  };
  const members = group.members.map((member) => [member.id, `as ${fullName(personOf(member.id))}`]);
  const topics = [[0, "General"], ...group.topics.map((topic) => [topic.id, `# ${topic.name}`])];
  const topic = choice("Write into this topic", "topic", topics, state.topic.get(group.id) || 0, (value) => state.topic.set(group.id, value));
  const as = choice("Write as this member", "as-member", members, speakerOf(group.id), (value) => state.as.set(group.id, value));
  return group.topics.length ? [topic, as] : [as];
}

export function showChat(id, { back }) {
  open?.history.close();
  const status = h("span", { class: "status", testid: "status" });
  const typing = h("div", { class: "typing", hidden: true, testid: "typing", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
  const chosen = personOf(id);
  const head = h("header", { class: "head" },
    iconButton("back", "Back to the list", "back", back),
    isGroup(id) ? avatar(chosen.first_name, id) : avatar(state.bot.name, 0, "bot"),
    h("div", { class: "head-names" }, h("h1", { dir: "auto" }, isGroup(id) ? chosen.first_name : state.bot.name), status),
    ...(isGroup(id) ? groupChoices(chosen) : [
      h("span", { class: "as", title: "You write as this person", dir: "auto", testid: "as" }, "as ", h("b", {}, fullName(chosen))),
      iconButton("more", "More", "chat-more", (event) => chatMenu(event, id)),
    ]));
  const write = composer(id, { arrivedOwn: () => list.toBottom() });
  const hands = {
    press, copy, problem, startPayload, menu: messageMenu,
    start: (payload) => sendStart(id, payload),
    command: (text) => write.say(text),
  };
  const list = history(id, hands);
  const card = greeting(id);
  list.list.before(card);
  list.list.after(typing);
  const root = h("section", { class: "chat", "aria-label": isGroup(id) ? `Group ${chosen.first_name}` : `Chat of ${fullName(chosen)} with ${state.bot.name}` }, head, h("div", { class: "pane" }, ...list.nodes), write.root);
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => (event.preventDefault(), write.sendFiles(event.dataTransfer.files)));
  open = { person: id, history: list, composer: write, status, typing, card, action: null, timer: null };
  showStatus();
  if (state.chats.has(id)) render(id);
  loadMessages(id).catch(problem);
  setTimeout(focusInput);
  return root;
}

// On a touch screen the focus would open the keyboard over half of the chat.
function focusInput() {
  if (matchMedia("(hover: hover)").matches) open?.composer.focus();
}

export function closeChat() {
  open?.history.close();
  open = null;
}

function showStatus() {
  if (!open) return;
  const { action } = open;
  open.status.textContent = action ? `${ACTIONS[action] || "working"}…` : state.bot.online ? "online" : "not listening yet; messages wait";
  open.status.classList.toggle("busy", Boolean(action));
  open.typing.hidden = !action;
}

// What the bot is doing is shown until it lets go, or for as long as Telegram shows it.
function showAction(action) {
  clearTimeout(open.timer);
  open.action = action;
  const shown = open;
  open.timer = action && setTimeout(() => open === shown && showAction(null), ACTION_LASTS);
  showStatus();
}

function acting(event) {
  if (open?.person !== event.chat_id) return;
  showAction(event.action);
  open.history.render();
}

function render(id, { older = false, arrived = null } = {}) {
  if (open?.person !== id) return;
  if (arrived) open.history.arrived(arrived);
  if (arrived && !arrived.out) showAction(null);
  const chat = state.chats.get(id);
  open.card.hidden = Boolean(!chat || chat.loading || chat.messages.length);
  open.history.render({ older });
  open.history.look();
}

export function listenToChats() {
  on("messages", (event) => render(event.chat, event));
  on("answer", answered);
  on("action", acting);
  on("bot", showStatus);
  on("keyboard", () => open?.composer.showKeyboard());
  on("commands", () => open?.composer.loadCommands());
  on("people", () => open && (open.composer.showPerson(), open.composer.showKeyboard()));
  document.addEventListener("visibilitychange", () => open?.history.look());
  addEventListener("focus", () => open?.history.look());
}

