// Requests to the sandbox; a refusal becomes an error with the server's own sentence.

async function answered(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    body = { error: `The sandbox answered with ${response.status}.` };
  }
  if (!response.ok) throw new Error(body.error || `The sandbox answered with ${response.status}.`);
  return body;
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The sandbox cannot be reached just now. It is tried again as soon as it is back.");
  }
  return answered(response);
}

export const get = (path) => ask(path);

export async function post(path, body) {
  const answer = await ask(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.done;
}

export async function upload(person, file, { caption = "", photo = false } = {}) {
  const query = new URLSearchParams({ name: file.name, type: file.type, caption, photo: photo ? "1" : "0" });
  const answer = await ask(`/api/chats/${person}/upload?${query}`, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: file,
  });
  return answer.done;
}

export const clearInbox = () => ask("/api/inbox", { method: "DELETE" });
