// What the page knows. Events from the server change it; whoever shows something listens for changes.

import { get, post } from "./api.js";

export const state = {
  people: [],
  groups: [],
  as: new Map(), // group → the member who speaks
  topic: new Map(), // group → the topic that is spoken into
  bot: { name: "Openbell", username: "", online: true, description: "", short_description: "" },
  mails: [],
  person: null, // id of the one who speaks here
  tab: "chats",
  mail: null, // id of the open mail
  chats: new Map(), // id → {messages, more, loading}
  pressed: new Map(), // press id → {chat, message, key}
};

const CURRENT = "openbell.person";
const listeners = new Map();

export function on(topic, listener) {
  listeners.set(topic, [...(listeners.get(topic) || []), listener]);
}

export function tell(topic, detail) {
  for (const listener of listeners.get(topic) || []) listener(detail);
}

export const personOf = (id) => state.people.find((person) => person.id === id) || state.groups.find((group) => group.id === id);
export const isGroup = (id) => id < 0;

// Who acts in a chat: its person, or the member of a group who was chosen.
export function speakerOf(id) {
  if (!isGroup(id)) return id;
  const members = personOf(id)?.members || [];
  const chosen = members.find((member) => member.id === state.as.get(id)) || members.find((member) => member.status === "creator") || members[0];
  return chosen?.id ?? null;
}

// What every request into a chat says of who acts, and where.
export function acting(id) {
  return isGroup(id) ? { as: speakerOf(id), thread_id: state.topic.get(id) || null } : {};
}
export const currentPerson = () => personOf(state.person);
export const unreadMails = () => state.mails.filter((mail) => !mail.read).length;

export function remembered() {
  try {
    const id = Number(localStorage.getItem(CURRENT));
    return personOf(id) ? id : (state.people[0]?.id ?? null);
  } catch {
    return state.people[0]?.id ?? null; // storage may be forbidden
  }
}

export function remember(id) {
  try {
    localStorage.setItem(CURRENT, String(id));
  } catch {
    // The choice then lasts as long as the page.
  }
}

export async function loadState() {
  const fresh = await get("/api/state");
  Object.assign(state, { people: fresh.people, groups: fresh.groups, bot: fresh.bot, mails: fresh.mails });
  tell("people");
  tell("mails");
  tell("bot");
  return fresh.last_event;
}

let refreshing = null;

// Several events in a row lead to one request.
export function refreshState() {
  refreshing ??= new Promise((done) => setTimeout(done, 60)).then(() => {
    refreshing = null;
    return loadState().catch(() => {}); // a lost connection is told by the stream, and everything is read again then
  });
  return refreshing;
}

export async function loadMessages(id, { older = false } = {}) {
  const chat = state.chats.get(id) || { messages: [], more: true, loading: false };
  state.chats.set(id, chat);
  if (chat.loading || (older && !chat.more)) return;
  chat.loading = true;
  try {
    const before = older && chat.messages.length ? `?before=${chat.messages[0].message_id}` : "";
    const page = await get(`/api/chats/${id}/messages${before}`);
    if (older) {
      chat.messages = [...page.messages, ...chat.messages];
      chat.more = page.more;
    } else {
      // What arrived while the request was on its way must not be lost.
      const last = page.messages.at(-1)?.message_id ?? 0;
      const arrived = (chat.fresh || []).filter((message) => message.message_id > last);
      chat.messages = [...page.messages, ...arrived];
      chat.more = page.more;
    }
  } finally {
    chat.loading = false;
    chat.fresh = [];
  }
  tell("messages", { chat: id, older });
}

export function forgetMessages() {
  state.chats.clear();
  state.pressed.clear();
}

function put(id, message) {
  const person = personOf(id);
  if (person && (!person.last || person.last.message_id <= message.message_id)) person.last = message;
  const chat = state.chats.get(id);
  if (!chat) return;
  if (chat.loading) chat.fresh = [...(chat.fresh || []), message];
  const index = chat.messages.findIndex((one) => one.message_id === message.message_id);
  if (index >= 0) chat.messages[index] = message;
  else if (!chat.messages.length || chat.messages.at(-1).message_id < message.message_id) chat.messages.push(message);
}

const handlers = {
  message(event) {
    const person = personOf(event.chat_id);
    put(event.chat_id, event.message);
    if (person && !event.message.out) person.unread += 1;
    tell("messages", { chat: event.chat_id, arrived: event.message });
    tell("people");
  },
  edited(event) {
    put(event.chat_id, event.message);
    tell("messages", { chat: event.chat_id });
    tell("people");
  },
  deleted(event) {
    const chat = state.chats.get(event.chat_id);
    if (chat) chat.messages = chat.messages.filter((one) => one.message_id !== event.message_id);
    tell("messages", { chat: event.chat_id });
    refreshState();
  },
  seen(event) {
    const chat = state.chats.get(event.chat_id);
    const index = chat ? chat.messages.findIndex((one) => one.message_id === event.message_id) : -1;
    if (index < 0) return;
    chat.messages[index] = { ...chat.messages[index], seen: true };
    tell("messages", { chat: event.chat_id });
  },
  keyboard(event) {
    const person = personOf(event.chat_id);
    if (person) person.keyboard = event.keyboard;
    tell("keyboard", event.chat_id);
  },
  mail(event) {
    refreshState();
    tell("mail", event);
  },
  bot(event) {
    state.bot.online = event.online;
    tell("bot");
    refreshState();
  },
  answer: (event) => tell("answer", event),
  action: (event) => tell("action", event),
  commands: () => tell("commands"),
  chats: refreshState,
  mail_read: refreshState,
};

export function handle(event) {
  handlers[event.kind]?.(event);
}

export async function markRead(id) {
  const person = personOf(id);
  const last = state.chats.get(id)?.messages.at(-1);
  if (!person?.unread || !last) return;
  person.unread = 0;
  tell("people");
  await post(`/api/chats/${id}/read`, { message_id: last.message_id }).catch(() => {});
}
