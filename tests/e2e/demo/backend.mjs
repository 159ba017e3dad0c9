// What a backend does beside the page: the curl line, and questions to the server API with the key it shows.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

/** What curl would send, with the line split into arguments by a real shell. */
export async function requestOf(line) {
  const script = `curl() { printf '%s\\0' "$@"; }; ${line}`;
  const words = execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1);
  const [method, url, flag, header, dataFlag, body] = words.slice(1);
  assert.deepEqual([words[0], flag, dataFlag], ["-X", "-H", "-d"]);
  const [name, value] = header.split(": ");
  // curl's own default with -d; the API must not mind.
  return { url, method, body, headers: { [name]: value, "Content-Type": "application/x-www-form-urlencoded" } };
}

export function shownLine(page) {
  return page.locator('[data-part="curl"]').textContent();
}

/** The same call with other content. */
export async function publish(page, data) {
  const { url, method, headers, body } = await requestOf(await shownLine(page));
  const { channel } = JSON.parse(body);
  const response = await fetch(url, { method, headers, body: JSON.stringify({ channel, data }) });
  assert.equal(response.status, 200);
  return response.json();
}

/** How many connections the hub has of the page's user. */
export async function connectionCount(page) {
  const { url, headers, body } = await requestOf(await shownLine(page));
  const user = JSON.parse(body).channel.split("#")[1];
  const question = { method: "POST", headers, body: JSON.stringify({ channel: `sessions:#${user}` }) };
  const { result } = await (await fetch(url.replace(/publish$/, "presence_stats"), question)).json();
  return result.num_clients;
}
