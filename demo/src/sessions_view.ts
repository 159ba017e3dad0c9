import type { LoginSession } from "syncline";
import type { Device } from "./device.js";
import { KeyedList } from "./keyed_list.js";
import { part, say, stamp } from "./part.js";
import { describeSession } from "./session_row.js";

/** What the list asks its pane to do. */
export interface SessionActions {
  signOut(session: LoginSession): void;
  signOutOthers(): void;
  logout(): void;
}

class SessionRow {
  readonly root = stamp("session-row-template");
  private session: LoginSession;

  constructor(session: LoginSession, actions: SessionActions) {
    this.session = session;
    const button = part(this.root, "sign-out", HTMLButtonElement);
    button.addEventListener("click", () => (this.session.current ? actions.logout() : actions.signOut(this.session)));
  }

  show(session: LoginSession): void {
    this.session = session;
    const { title, state, detail, picture } = describeSession(session, Date.now());
    const isOwn = session.current ?? false;
    this.root.dataset["state"] = state;
    this.root.dataset["picture"] = picture;
    part(this.root, "session-use", SVGUseElement).setAttribute("href", `#picture-${picture}`);
    say(part(this.root, "session-name", HTMLSpanElement), title);
    part(this.root, "session-own", HTMLSpanElement).hidden = !isOwn;
    say(part(this.root, "session-detail", HTMLSpanElement), detail);
    const button = part(this.root, "sign-out", HTMLButtonElement);
    say(button, isOwn ? "Sign out" : "Sign out that device");
    button.setAttribute("aria-label", isOwn ? `Sign out here, on ${title}` : `Sign out that device: ${title}`);
  }
}

/** The user's log-ins on all devices, as one of them shows the list. */
export class SessionsView {
  private readonly rows: KeyedList<LoginSession, SessionRow>;
  private readonly others: HTMLButtonElement;

  constructor(
    root: ParentNode,
    private readonly device: Device,
    actions: SessionActions,
  ) {
    this.others = part(root, "sign-out-others", HTMLButtonElement);
    this.others.addEventListener("click", () => actions.signOutOthers());
    const list = part(root, "sessions", HTMLUListElement);
    list.setAttribute("aria-label", `Signed-in devices, seen from ${device.model.name}`);
    this.rows = new KeyedList(list, {
      key: ({ id }) => id,
      make: (session) => new SessionRow(session, actions),
      show: (row, session) => row.show(session),
      fallback: part(root, "sessions-title", HTMLHeadingElement),
    });
  }

  show(): void {
    const { sessions } = this.device;
    this.rows.show(sessions);
    this.others.hidden = sessions.filter(({ current }) => !current).length === 0;
  }
}
