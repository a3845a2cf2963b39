// The list of people and the way to add one.

import { post } from "./api.js";
import { avatar, fullName, h, icon } from "./dom.js";
import { summary } from "./messages.js";
import { formBox, problem } from "./notices.js";
import { isGroup, loadState, state } from "./store.js";
import { listTime } from "./times.js";

function row(person) {
  const name = fullName(person);
  const last = person.last;
  const words = last ? `${last.out ? (isGroup(person.id) ? `${last.from.first_name}: ` : "You: ") : ""}${summary(last)}` : "Not started yet";
  return h("a", { class: "item", href: `/#${person.id}`, "aria-current": person.id === state.person && state.tab === "chats" ? "page" : null, testid: "person", data: { name } },
    avatar(name, person.id),
    h("span", { class: "item-words" },
      h("b", { dir: "auto" }, name),
      h("span", { class: "faint", dir: "auto" }, words)),
    h("span", { class: "item-side" },
      last ? h("time", {}, listTime(last.date)) : null,
      person.unread ? h("span", { class: "badge", "aria-label": `${person.unread} unread`, testid: "unread" }, person.unread) : null));
}

export function peopleList() {
  const lead = h("p", { class: "lead" }, "Who speaks? Everybody here has a chat of their own with the bot.");
  const groups = state.groups.length ? [h("p", { class: "lead" }, "Groups they share with it:"), ...state.groups.map(row)] : [];
  return [lead, ...state.people.map(row), ...groups];
}

export function addGroupButton(go) {
  const add = async (values) => {
    try {
      const group = await post("/api/groups", { title: values.title, topics: values.topics, as: state.people[0].id });
      await loadState();
      go(`/#${group.id}`);
    } catch (error) {
      problem(error);
    }
  };
  const fields = [
    { name: "title", label: "Name of the group; everybody here joins it", required: true, testid: "group-title" },
    { name: "topics", label: "Topics, with commas between them (optional)", testid: "group-topics" },
  ];
  return h("button", { type: "button", class: "wide", testid: "add-group", onclick: () => formBox("Add a group", fields, "Add", add) }, icon("plus"), "Add a group");
}

export function addPersonButton(go) {
  const add = async (values) => {
    try {
      const person = await post("/api/people", { first_name: values.first_name, last_name: values.last_name });
      await loadState();
      go(`/#${person.id}`);
    } catch (error) {
      problem(error);
    }
  };
  const fields = [
    { name: "first_name", label: "First name", required: true, testid: "first-name" },
    { name: "last_name", label: "Last name (optional)", testid: "last-name" },
  ];
  return h("button", { type: "button", class: "wide", testid: "add-person", onclick: () => formBox("Add a person", fields, "Add", add) }, icon("plus"), "Add a person");
}
