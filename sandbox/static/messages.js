// One message, or one album, as a bubble.

import { avatar, h, icon, sizeOf } from "./dom.js";
import { formatted, safeUrl } from "./entities.js";
import { lightbox } from "./notices.js";
import { isGroup, personOf, speakerOf, state } from "./store.js";
import { completeTime, timeOf } from "./times.js";

const fileUrl = (id) => `/api/files/${encodeURIComponent(id)}`;

export const pressKey = (message, button) => `${message.chat.id}:${message.message_id}:${button.callback_data}`;

export function summary(message) {
  if (!message) return "";
  const words = message.text || message.caption || "";
  if (words) return (message.photo ? "🖼 " : "") + words.slice(0, 140);
  if (message.photo) return "🖼 Picture";
  if (message.group_chat_created) return "made the group";
  if (message.forum_topic_created) return `began the topic ${message.forum_topic_created.name}`;
  if (message.document) return message.document.file_name || "Document";
  return "Message";
}

function picture(message) {
  const photo = message.photo.at(-1);
  const description = message.caption ? `Picture: ${message.caption.slice(0, 120)}` : "Picture";
  const img = h("img", {
    src: fileUrl(photo.file_id), alt: description, width: photo.width, height: photo.height, loading: "lazy", decoding: "async",
  });
  const open = () => (button.classList.contains("veiled") ? button.classList.remove("veiled") : lightbox(img.src, description));
  const button = h("button", {
    type: "button", class: `photo ${message.has_media_spoiler ? "veiled" : ""}`, "aria-label": `${description}. Enlarge`, testid: "photo", onclick: open,
  }, img);
  return button;
}

function documentCard(message) {
  const file = message.document;
  const name = file.file_name || "file";
  return h("a", { class: "document", href: fileUrl(file.file_id), download: name, testid: "document", "aria-label": `Download ${name}` },
    h("span", { class: "document-mark" }, icon("file")),
    h("span", {}, h("b", { dir: "auto" }, name), h("small", {}, sizeOf(file.file_size))));
}

function quote(message) {
  const replied = message.reply_to_message;
  if (!replied || replied.forum_topic_created) return null;
  const who = replied.from.is_bot ? state.bot.name : replied.from.first_name;
  return h("div", { class: "replied", dir: "auto" }, h("b", {}, who), h("span", {}, summary(replied)));
}

function words(message, hands) {
  const text = message.text ?? message.caption;
  if (!text) return null;
  const nodes = formatted(text, message.entities || message.caption_entities, hands);
  return h("div", { class: "words", dir: "auto", testid: "text" }, nodes);
}

function meta(message) {
  const title = completeTime(message.date) + (message.edit_date ? `, edited ${completeTime(message.edit_date)}` : "");
  const foot = h("span", { class: "meta", title });
  if (message.edit_date) foot.append(h("span", { testid: "edited" }, "edited"));
  foot.append(h("time", { datetime: new Date(message.date * 1000).toISOString() }, timeOf(message.date)));
  if (message.out) {
    const label = message.seen ? "The bot has read it" : "Sent; the bot has not read it yet";
    foot.append(h("span", { class: "ticks", role: "img", "aria-label": label, title: label }, icon(message.seen ? "checks" : "check")));
  }
  return foot;
}

function inlineButton(message, button, hands) {
  const style = button.style ? `style-${button.style}` : "";
  if (button.url) {
    const payload = hands.startPayload(button.url);
    if (payload !== null) return h("button", { type: "button", class: style, onclick: () => hands.start(payload) }, button.text);
    return h("a", { class: style, href: safeUrl(button.url), target: "_blank", rel: "noopener noreferrer", title: button.url }, button.text, icon("link"));
  }
  if (button.copy_text) {
    return h("button", { type: "button", class: style, onclick: () => hands.copy(button.copy_text.text) }, button.text, icon("copy"));
  }
  if (button.callback_data === undefined) {
    return h("button", { type: "button", disabled: true, title: "The sandbox does not simulate this kind of button" }, button.text);
  }
  const key = pressKey(message, button);
  const waiting = [...state.pressed.values()].includes(key);
  return h("button", {
    type: "button", class: `${style} ${waiting ? "waiting" : ""}`, "aria-busy": waiting ? "true" : null, data: { press: key }, testid: "inline-button",
    onclick: () => hands.press(message, button, key),
  }, button.text);
}

function keyboard(message, hands) {
  const rows = message.reply_markup?.inline_keyboard;
  if (!rows?.length) return null;
  const lines = rows.map((row) => h("div", { class: "button-row" }, row.map((button) => inlineButton(message, button, hands))));
  return h("div", { class: "inline-keyboard", role: "group", "aria-label": "Buttons of this message" }, lines);
}

function reactions(message) {
  const emoji = message.extra?.reactions || [];
  return emoji.length ? h("div", { class: "reactions" }, emoji.map((one) => h("span", {}, one))) : null;
}

// A width that suits the height of the window and leaves a caption room; known before the picture comes, so nothing jumps.
function fitTo(stack, photos, captioned) {
  const { width, height } = photos[0].photo.at(-1);
  const wanted = `${((48 * width) / height).toFixed(2)}vh`;
  stack.classList.add("pictured");
  stack.style.width = photos.length > 1 ? "460px" : `clamp(${captioned ? 410 : 230}px, ${wanted}, 480px)`;
}

const nameOf = (message) => (!message.out ? state.bot.name : message.sender_chat ? message.sender_chat.title : message.from.first_name);

// In a group: who said it, and in which topic.
function sender(message) {
  if (!isGroup(message.chat.id)) return null;
  const topic = personOf(message.chat.id)?.topics.find((one) => one.id === message.message_thread_id);
  return h("div", { class: "sender", dir: "auto" }, h("b", {}, nameOf(message)), topic ? h("span", { class: "faint" }, ` # ${topic.name}`) : null);
}

// `messages` is one message, or the pictures and documents of one album.
export function bubble(messages, hands) {
  const [message] = messages;
  const captioned = messages.find((one) => one.caption || one.text) || message;
  const photos = messages.filter((one) => one.photo);
  const card = h("div", { class: `bubble ${photos.length ? "with-photo" : ""}` });
  const text = words(captioned, hands);
  const pictures = photos.length
    ? h("div", { class: photos.length > 1 ? "album" : "single", data: { count: Math.min(photos.length, 10) } }, photos.map((one) => picture(one)))
    : null;
  const documents = messages.filter((one) => one.document).map(documentCard);
  const parts = captioned.show_caption_above_media ? [text, pictures, ...documents] : [pictures, ...documents, text];
  card.append(...[sender(message), quote(message), ...parts].filter(Boolean));
  if (!text && photos.length) card.classList.add("bare");
  const begun = message.forum_topic_created;
  if (message.group_chat_created) card.append(h("div", { class: "words faint" }, "made the group"));
  else if (begun) card.append(h("div", { class: "words faint" }, `began the topic # ${begun.name}`));
  else if (!text && !photos.length && !documents.length) card.append(h("div", { class: "words faint" }, "This kind of message cannot be shown here."));
  card.append(meta(messages.at(-1)));
  const own = isGroup(message.chat.id) ? message.from.id === speakerOf(message.chat.id) && !message.sender_chat : message.out;
  const side = own ? "out" : "in";
  const row = h("article", {
    class: `message ${side}`, testid: `message-${side}`, data: { id: message.message_id },
    "aria-label": `${own ? "You" : nameOf(message)}, ${timeOf(message.date)}`,
    oncontextmenu: (event) => hands.menu(event, captioned),
  });
  if (!own) row.append(message.out ? avatar(nameOf(message), message.from.id, "small") : avatar(state.bot.name, 0, "bot small"));
  const stack = h("div", { class: "stack" }, ...[card, reactions(message), keyboard(captioned, hands)].filter(Boolean));
  if (photos.length) fitTo(stack, photos, Boolean(text));
  row.append(stack);
  return row;
}
