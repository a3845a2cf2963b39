// Where a person writes: text, commands, files, and the keyboard that the bot puts below.

import { get, post, upload } from "./api.js";
import { h, icon, iconButton } from "./dom.js";
import { problem, toast } from "./notices.js";
import { acting, currentPerson, personOf, speakerOf, state } from "./store.js";

const PICTURE_TYPES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

export function composer(person, { arrivedOwn }) {
  let commands = [];
  let offered = [];
  let chosen = 0;
  let all = false;
  let editing = null;
  let keyboardHidden = false;

  const list = h("ul", { id: "commands", class: "commands", role: "listbox", "aria-label": "Commands", hidden: true, testid: "command-list" });
  const input = h("textarea", {
    rows: 1, placeholder: "Message", "aria-label": "Message", dir: "auto", enterkeyhint: "send", testid: "input",
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "commands",
  });
  const picker = h("input", { type: "file", multiple: true, hidden: true, onchange: () => sendFiles(picker.files) });
  const menuButton = h("button", { type: "button", class: "menu-button", "aria-label": "Commands of the bot", "aria-expanded": "false", testid: "command-menu" }, icon("menu"), h("span", {}, "Menu"));
  const send = h("button", { type: "submit", class: "send", "aria-label": "Send", title: "Send (Enter)", testid: "send" }, icon("send"));
  const change = h("div", { class: "editing", hidden: true }, h("span", {}, "Edit the message"), iconButton("close", "Leave it as it was", "edit-cancel", () => edit(null)));
  const form = h("form", { class: "composer" }, menuButton, input, iconButton("attach", "Attach a file", "attach", () => picker.click()), send, picker);
  const keyboard = h("div", { class: "keyboard", role: "group", "aria-label": "Answers offered by the bot", hidden: true, testid: "keyboard" });
  const blocked = h("button", { type: "button", class: "unblock", hidden: true, testid: "unblock", onclick: () => post(`/api/chats/${person}/block`, { blocked: false }).catch(problem) }, "Unblock the bot");
  const root = h("div", { class: "foot" }, list, change, form, blocked, keyboard);

  async function say(text) {
    try {
      await post(`/api/chats/${person}/send`, { text, ...acting(person) });
      return true;
    } catch (error) {
      problem(error);
      return false;
    }
  }

  async function submit() {
    const text = input.value;
    if (!text.trim()) return;
    const target = editing;
    input.value = "";
    edit(null);
    grow();
    offer();
    arrivedOwn();
    if (!target) {
      if (!(await say(text)) && !input.value) input.value = text;
      return;
    }
    await post(`/api/chats/${person}/edit`, { message_id: target.message_id, text, ...acting(person) }).catch(problem);
  }

  function edit(message) {
    editing = message;
    change.hidden = !message;
    if (message) input.value = message.text || "";
    else if (change.dataset.filled) input.value = "";
    change.dataset.filled = message ? "1" : "";
    grow();
    if (message) input.focus();
  }

  async function sendFiles(files) {
    for (const file of files) {
      const photo = PICTURE_TYPES.has(file.type) && file.size <= 10 * 1024 * 1024;
      await upload(person, file, { caption: input.value.trim(), photo }).catch(problem);
      input.value = "";
    }
    picker.value = "";
    grow();
  }

  function grow() {
    input.style.height = "auto";
    input.style.height = `${Math.min(input.scrollHeight, 180)}px`;
    send.classList.toggle("ready", Boolean(input.value.trim()));
  }

  function offer() {
    const typed = /^\/(\w*)$/.exec(input.value);
    if (typed) all = false;
    offered = typed ? commands.filter((one) => one.command.startsWith(typed[1].toLowerCase())) : all ? commands : [];
    chosen = Math.min(chosen, Math.max(0, offered.length - 1));
    list.hidden = !offered.length;
    input.setAttribute("aria-expanded", String(Boolean(offered.length)));
    menuButton.setAttribute("aria-expanded", String(Boolean(offered.length)));
    list.replaceChildren(...offered.map((one, index) =>
      h("li", {
        role: "option", id: `command-${index}`, "aria-selected": String(index === chosen), testid: "command", data: { command: one.command },
        onpointerdown: (event) => event.preventDefault(), onclick: () => take(index, true),
      }, h("b", {}, `/${one.command}`), h("span", { dir: "auto" }, one.description))));
    list.children[chosen]?.scrollIntoView({ block: "nearest" });
    if (offered.length) input.setAttribute("aria-activedescendant", `command-${chosen}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function take(index, complete) {
    const command = `/${offered[index].command}`;
    all = false;
    input.value = complete ? command : `${command} `;
    chosen = 0;
    if (complete) submit();
    offer();
    grow();
    input.focus();
  }

  function keys(event) {
    if (event.isComposing) return;
    if (offered.length) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) {
        event.preventDefault();
        chosen = (chosen + step + offered.length) % offered.length;
        offer();
        return;
      }
      if (event.key === "Tab" && !event.shiftKey) return event.preventDefault(), take(chosen, false);
      if (event.key === "Enter" && !event.shiftKey) return event.preventDefault(), take(chosen, true);
    }
    if (event.key === "Escape") {
      all = false;
      offered = [];
      list.hidden = true;
      edit(null);
    } else if (event.key === "ArrowUp" && !input.value) {
      const own = state.chats.get(person)?.messages.findLast((message) => message.from.id === speakerOf(person) && message.text);
      if (own) event.preventDefault(), edit(own);
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      submit();
    }
  }

  function showKeyboard() {
    const found = personOf(person)?.keyboard;
    const rows = found?.keyboard || [];
    input.placeholder = found?.input_field_placeholder || (found?.force_reply ? "Answer" : "Message");
    keyboard.hidden = !rows.length || keyboardHidden;
    keyboard.replaceChildren(...rows.map((row) => h("div", { class: "button-row" }, row.map((button) =>
      h("button", { type: "button", onclick: () => pressKey(button) }, button.text)))));
  }

  function pressKey(button) {
    if (button.request_contact || button.request_location) return toast("The sandbox has no contact or place to send.");
    arrivedOwn();
    return say(button.text);
  }

  function showPerson() {
    const isBlocked = Boolean(personOf(person)?.blocked);
    form.hidden = isBlocked;
    blocked.hidden = !isBlocked;
  }

  form.addEventListener("submit", (event) => (event.preventDefault(), submit()));
  input.addEventListener("keydown", keys);
  input.addEventListener("input", () => ((chosen = 0), grow(), offer()));
  input.addEventListener("blur", () => setTimeout(() => document.activeElement !== input && ((all = false), offer()), 150));
  input.addEventListener("paste", (event) => event.clipboardData.files.length && (event.preventDefault(), sendFiles(event.clipboardData.files)));
  menuButton.addEventListener("click", () => ((all = list.hidden), (input.value = all ? "" : input.value), offer(), input.focus()));

  async function loadCommands() {
    try {
      commands = (await get(`/api/chats/${person}/commands?as=${speakerOf(person)}`)).commands;
    } catch {
      return; // the stream tells when the sandbox is back, and the list is asked for again
    }
    menuButton.hidden = !commands.length;
    offer();
  }

  menuButton.hidden = true;
  showKeyboard();
  showPerson();
  loadCommands();
  return { root, say, edit, sendFiles, showKeyboard, showPerson, loadCommands, focus: () => currentPerson()?.id === person && input.focus({ preventScroll: true }) };
}
