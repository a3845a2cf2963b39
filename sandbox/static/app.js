// The page: which tab and pane is shown, the address line, badges, and the way back after a lost connection.

import { closeChat, listenToChats, sendStart, showChat, startPayload } from "./chat.js";
import { h } from "./dom.js";
import { clearButton, emptyMail, mailList, mailView } from "./inbox.js";
import { problem, toast } from "./notices.js";
import { addGroupButton, addPersonButton, peopleList } from "./people.js";
import { forgetMessages, loadState, on, personOf, remember, remembered, state, unreadMails } from "./store.js";
import { follow } from "./stream.js";

const byId = (id) => document.getElementById(id);
const phone = matchMedia("(max-width: 700px)");
let shownNow = "";

function go(address) {
  history.pushState(null, "", address);
  route();
}

// The address says everything: /#PERSON is a chat, /inbox#MAIL is a mail.
function route() {
  const item = Number(location.hash.slice(1)) || null;
  state.tab = location.pathname === "/inbox" ? "inbox" : "chats";
  state.mail = state.tab === "inbox" ? item : null;
  document.body.dataset.tab = state.tab;
  const alone = state.tab === "chats" && state.people.length === 1 && !state.groups.length;
  document.body.dataset.pane = item || (alone && location.hash !== "#list") ? "content" : "list";
  if (state.tab === "chats") {
    state.person = personOf(item) ? item : remembered();
    if (item > 0) remember(state.person);
  }
  showSide();
  showContent().catch((error) => (problem(error), go("/inbox")));
}

function back() {
  history.replaceState(null, "", state.tab === "inbox" ? "/inbox" : "/#list");
  route();
}

async function showContent() {
  const wanted = state.tab === "inbox" ? `mail-${state.mail}-${state.mails.length > 0}` : `chat-${state.person}`;
  if (wanted === shownNow) return;
  shownNow = wanted;
  if (state.tab === "chats") {
    byId("content").replaceChildren(showChat(state.person, { back }));
    return;
  }
  closeChat();
  const view = state.mail ? await mailView(state.mail, { back, startPayload, start }) : emptyMail(back);
  if (shownNow === wanted) byId("content").replaceChildren(view);
}

function start(payload) {
  const person = remembered();
  go(`/#${person}`);
  sendStart(person, payload);
}

function showSide() {
  const inbox = state.tab === "inbox";
  const focused = byId("side-list").contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  byId("side-list").replaceChildren(...(inbox ? mailList() : peopleList()));
  if (focused) byId("side-list").querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  byId("side-foot").replaceChildren(...(inbox ? [clearButton()] : [addPersonButton(go), addGroupButton(go)]).filter(Boolean));
  for (const [id, chosen] of [["tab-chats", !inbox], ["tab-inbox", inbox]]) {
    byId(id).setAttribute("aria-selected", String(chosen));
    if (chosen) byId("side-list").setAttribute("aria-labelledby", id);
  }
  byId("tab-chats").href = state.person ? `/#${phone.matches ? "list" : state.person}` : "/";
  showCounts();
}

function showCounts() {
  const chats = [...state.people, ...state.groups].reduce((sum, person) => sum + person.unread, 0);
  const mails = unreadMails();
  for (const [id, count] of [["tab-chats", chats], ["tab-inbox", mails]]) {
    const badge = byId(id).querySelector("b");
    badge.textContent = count > 99 ? "99+" : String(count);
    badge.hidden = !count;
  }
  document.title = `${chats + mails ? `(${chats + mails}) ` : ""}${state.bot.name} · chat`;
  byId("brand-name").textContent = state.bot.name;
}

function showConnection({ lost }) {
  const banner = byId("banner");
  banner.hidden = !lost;
  banner.replaceChildren(h("span", { class: "spin" }), "The sandbox is not reachable. Trying again…");
  if (!lost) {
    toast("Connected again.", { seconds: 3, testid: "connected" });
    reload().catch(() => {});
  }
}

async function reload() {
  await loadState();
  forgetMessages();
  shownNow = "";
  route();
}

function followLinks(event) {
  const anchor = event.target.closest?.("a[href^='/']");
  if (!anchor || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (anchor.target || anchor.hasAttribute("download")) return;
  event.preventDefault();
  go(anchor.getAttribute("href"));
}

// A tap on the bot's link, /NAME?start=PAYLOAD, leads into the chat of whoever spoke last.
async function followBotLink() {
  const payload = startPayload(location.href);
  if (payload === null) return;
  const person = remembered();
  history.replaceState(null, "", `/#${person}`);
  await sendStart(person, payload);
}

async function begin() {
  listenToChats();
  document.addEventListener("click", followLinks);
  addEventListener("popstate", route);
  phone.addEventListener("change", showSide);
  on("people", showSide);
  on("mails", showSide);
  on("bot", showSide);
  on("connection", showConnection);
  on("mail", (mail) => {
    const open = { label: "Open", run: () => go(`/inbox#${mail.id}`) };
    toast(`New mail to ${mail.to.join(", ")}: ${mail.subject}`, { seconds: 8, testid: "mail-toast", action: open });
  });
  const last = await loadState();
  follow(last, { reload });
  await followBotLink();
  route();
}

function beginOrWait() {
  begin().catch((error) => {
    byId("banner").hidden = false;
    byId("banner").textContent = error.message;
    setTimeout(() => location.reload(), 2000);
  });
}

beginOrWait();
