// Builds nodes; text always becomes a text node, never markup.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "testid") node.dataset.testid = value;
    else if (name === "data") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const PATHS = {
  send: "M3.4 20.400 21 12 3.400 3.600 3.400 10.100 15 12 3.400 13.900z",
  attach: "M16.500 6v11a4 4 0 0 1-8 0V5.500a2.500 2.500 0 0 1 5 0V16a1 1 0 0 1-2 0V6.500H10V16a2.500 2.500 0 0 0 5 0V5.500a4 4 0 0 0-8 0V17a5.500 5.500 0 0 0 11 0V6z",
  menu: "M4 6h16v2H4zm0 5h16v2H4zm0 5h10v2H4z",
  back: "M20 11H7.800l5.600-5.600L12 4l-8 8 8 8 1.400-1.400L7.800 13H20z",
  down: "M12 16.500 5 9.500l1.400-1.400L12 13.700l5.600-5.600L19 9.500z",
  close: "M18.300 7.100 16.900 5.700 12 10.600 7.100 5.700 5.700 7.100 10.600 12l-4.900 4.900 1.400 1.400 4.900-4.900 4.900 4.900 1.400-1.400L13.400 12z",
  more: "M12 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4zm0 6a2 2 0 1 0 0-4 2 2 0 0 0 0 4zm0 6a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  file: "M6 2h8l5 5v13a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2zm7 1.500V8h4.500z",
  mail: "M4 5h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2zm8 7.500L20 7.500V7l-8 5-8-5v.500z",
  plus: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  check: "M9.500 16.200 5.300 12l-1.400 1.400 5.600 5.600L20.600 7.900l-1.400-1.400z",
  checks: "M1 13.400 6.600 19 8 17.600 2.400 12zm21.200-7.500L11.700 16.400l-4.200-4.100-1.400 1.400 5.600 5.600L23.600 7.300zm-5.700 1.400-1.400-1.400-6.300 6.300 1.400 1.400z",
  link: "M14 4h6v6h-2V7.400l-8.300 8.300-1.400-1.400L16.600 6H14zM5 6h6v2H7v9h9v-4h2v6H5z",
  copy: "M8 3h11a2 2 0 0 1 2 2v11h-2V5H8zM5 7h9a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V9c0-1.100.900-2 2-2z",
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

export function iconButton(name, label, testid, onclick) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, testid, onclick }, icon(name));
}

export function fullName(person) {
  return [person.first_name, person.last_name].filter(Boolean).join(" ");
}

// The first letter of up to two words; Array.from keeps an emoji whole.
export function avatar(name, id, extra = "") {
  const words = name.trim().split(/\s+/).filter(Boolean).slice(0, 2);
  const initials = words.map((word) => Array.from(word)[0].toUpperCase()).join("") || "?";
  return h("span", { class: `avatar ${extra}`, "aria-hidden": "true", data: { hue: Math.abs(Number(id)) % 6 } }, initials);
}

export function sizeOf(bytes) {
  if (!bytes) return "0 B";
  const power = Math.min(3, Math.floor(Math.log(bytes) / Math.log(1024)));
  const number = bytes / 1024 ** power;
  return `${power && number < 10 ? number.toFixed(1) : Math.round(number)} ${["B", "KB", "MB", "GB"][power]}`;
}
