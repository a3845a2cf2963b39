// The stream of events: opened once, opened again when the sandbox was away, and said so.

import { handle, tell } from "./store.js";

const RETRY = 1000;

export function follow(after, { reload }) {
  let source = null;
  let lost = false;
  let last = after;

  function open() {
    source = new EventSource(`/api/events?after=${last}`);
    source.onopen = () => {
      if (lost) tell("connection", { lost: false });
      lost = false;
    };
    source.onmessage = async (message) => {
      last = message.lastEventId || last;
      const event = JSON.parse(message.data);
      if (event.kind === "reset") await reload();
      else handle(event);
    };
    source.onerror = () => {
      if (!lost) tell("connection", { lost: true });
      lost = true;
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries by itself
      setTimeout(open, RETRY);
    };
  }

  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (shown) => {
    if (shown.persisted) open();
  });
  open();
}
