// Talks to the bot that served this page, and to nobody else.

/** Asks with GET and returns the answer. Throws an Error whose text can be shown. */
export async function get(path) {
  return read(await fetch(path, { headers: { Accept: "application/json" } }));
}

/** Sends an order with POST, as JSON, and returns the answer. Throws as `get` does. */
export async function post(path, body) {
  return read(
    await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  );
}

async function read(response) {
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(wordsOf(answer) || `the bot answered ${response.status}`);
  return answer;
}

function wordsOf(answer) {
  const wrong = answer.error ?? answer.errors ?? "";
  const list = Array.isArray(wrong) ? wrong : [wrong];
  return list.map((one) => (typeof one === "string" ? one.replace("[ERROR] ", "") : one.msg)).join("; ");
}
