import { expect, test, vi } from "vitest";
import { Link } from "../src/link/link.js";
import type { FromHost, ToHost } from "../src/link/messages.js";
import type { Wire, WireEnds } from "../src/link/wire.js";

/** Whoever holds the connection, in the hands of the test. */
class FakeWire implements Wire {
  readonly sent: ToHost[] = [];
  #ends: WireEnds | null = null;

  start(ends: WireEnds): void {
    this.#ends = ends;
    ends.reset();
  }

  send(message: ToHost): void {
    this.sent.push(message);
  }

  receive(message: FromHost): void {
    this.#ends?.receive(message);
  }

  close(): void {
    this.#ends = null;
  }
}

test("a channel of the server's own choice is heard without being asked for, until it is not listened to", () => {
  const wire = new FakeWire();
  const link = new Link(wire, { websocketUrl: "ws://hub", isLocked: false, token: async () => "later" });
  link.start();
  const [publication, other] = [vi.fn(), vi.fn()];
  const end = link.followOwn("ops:overview", { publication });
  link.followOwn("ops:overview", { publication: other });
  wire.receive({ kind: "publication", channel: "ops:overview", publication: { data: 1 } });
  wire.receive({ kind: "publication", channel: "ops:logs", publication: { data: 2 } });
  end();
  wire.receive({ kind: "publication", channel: "ops:overview", publication: { data: 3 } });
  expect(publication.mock.calls).toEqual([[{ data: 1 }]]);
  expect(other.mock.calls).toEqual([[{ data: 1 }], [{ data: 3 }]]);
  expect(wire.sent.map(({ kind }) => kind)).toEqual(["attach"]);
});
