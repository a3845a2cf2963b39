// Short notices, questions and enlarged pictures.

import { h, icon, iconButton } from "./dom.js";

export function toast(text, { seconds = 5, action = null, testid = "toast" } = {}) {
  const tray = document.getElementById("toasts");
  const note = h("div", { class: "toast", testid, dir: "auto" }, h("span", {}, text));
  if (action) {
    note.append(h("button", { type: "button", onclick: () => (note.remove(), action.run()) }, action.label));
  }
  tray.append(note);
  while (tray.children.length > 4) tray.firstChild.remove();
  setTimeout(() => note.remove(), seconds * 1000);
}

export const problem = (error) => toast(error.message, { seconds: 8, testid: "problem" });

function shown(dialog) {
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

export function alertBox(text, title) {
  const close = h("button", { type: "submit", class: "primary", autofocus: true }, "OK");
  const form = h("form", { method: "dialog" }, h("h2", { dir: "auto" }, title), h("p", { dir: "auto" }, text));
  form.append(h("div", { class: "row-end" }, close));
  return shown(h("dialog", { class: "box", testid: "alert", "aria-label": title }, form));
}

// Calls back with true once the person agreed.
export function confirmBox(text, label, agreed) {
  const form = h("form", { method: "dialog" }, h("p", { dir: "auto" }, text));
  form.append(
    h(
      "div",
      { class: "row-end" },
      h("button", { type: "submit", class: "plain", autofocus: true }, "Cancel"),
      h("button", { type: "submit", class: "danger", onclick: agreed }, label),
    ),
  );
  return shown(h("dialog", { class: "box", "aria-label": text }, form));
}

export function formBox(title, fields, label, submitted) {
  const form = h("form", { method: "dialog" }, h("h2", {}, title));
  for (const field of fields) {
    const input = h("input", { name: field.name, required: field.required, maxlength: 64, autocomplete: "off", dir: "auto", testid: field.testid });
    form.append(h("label", {}, field.label, input));
  }
  const dialog = h("dialog", { class: "box", "aria-label": title }, form);
  const cancel = h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Cancel");
  form.append(h("div", { class: "row-end" }, cancel, h("button", { type: "submit", class: "primary", testid: "form-ok" }, label)));
  form.addEventListener("submit", () => submitted(Object.fromEntries(new FormData(form))));
  return shown(dialog);
}

export function lightbox(src, description) {
  const dialog = h("dialog", { class: "lightbox", testid: "lightbox", "aria-label": description });
  const picture = h("img", { src, alt: description, onclick: () => picture.classList.toggle("actual") });
  dialog.append(
    h("div", { class: "lightbox-bar" },
      h("a", { href: src, target: "_blank", rel: "noopener", class: "icon-button", "aria-label": "Open in a new tab", title: "Open in a new tab" }, icon("link")),
      iconButton("close", "Close", "lightbox-close", () => dialog.close())),
    h("div", { class: "lightbox-picture", onclick: (event) => event.target === event.currentTarget && dialog.close() }, picture),
  );
  return shown(dialog);
}

// A list of choices near its button.
export function menu(anchor, choices) {
  const box = h("div", { class: "menu", role: "menu", popover: "auto", testid: "menu" });
  for (const choice of choices) {
    const run = () => (box.hidePopover(), choice.run());
    box.append(h("button", { type: "button", role: "menuitem", class: choice.danger ? "danger-text" : "", onclick: run }, choice.label));
  }
  document.body.append(box);
  box.addEventListener("toggle", (event) => event.newState === "closed" && box.remove());
  box.showPopover();
  const place = anchor.getBoundingClientRect();
  const left = Math.min(place.left, innerWidth - box.offsetWidth - 8);
  const below = place.bottom + 4;
  box.style.left = `${Math.max(8, left)}px`;
  box.style.top = `${below + box.offsetHeight > innerHeight - 8 ? place.top - box.offsetHeight - 4 : below}px`;
  box.querySelector("button")?.focus();
}
