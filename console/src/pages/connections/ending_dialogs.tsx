import { useState } from "preact/hooks";
import { api } from "../../api.js";
import { Confirm } from "../../components/confirm.js";
import { Segments } from "../../components/field.js";
import { toast } from "../../components/toast.js";
import { shorten } from "../../format.js";
import type { ConnectionView } from "../../types.js";
import { isOwn } from "./connection_columns.js";

interface Props {
  connection: ConnectionView;
  onDone: () => void;
  onClose: () => void;
}

type Return = "may" | "must_not";

const consequences: Record<Return, string> = {
  may: "Its client connects again by itself, after a moment and perhaps to another node, and recovers what it missed. Use it to move a connection.",
  must_not:
    "Its client stays away until the application, or its user, connects again. The log-in session goes on: to end that, revoke it.",
};

export function DisconnectDialog({ connection, onDone, onClose }: Props) {
  const [choice, setChoice] = useState<Return>("may");
  const { client, user, node_name, transport } = connection;
  const disconnect = async (): Promise<void> => {
    await api.disconnect({ user, client, can_reconnect: choice === "may" });
    toast(`Disconnected ${nameOf(connection)}.`);
    onDone();
  };
  return (
    <Confirm title="Disconnect this connection?" action="Disconnect" isDangerous onConfirm={disconnect} onClose={onClose}>
      <p>
        The {transport} connection <code>{client}</code> of {whose(user)} on node {node_name} is closed.
      </p>
      <Segments
        label="Afterwards its client"
        value={choice}
        options={[
          ["may", "May reconnect"],
          ["must_not", "Must not reconnect"],
        ]}
        onPick={setChoice}
      />
      <p class="hint">{consequences[choice]}</p>
      {isOwn(connection) && <p class="field-error">This is the connection of this console.</p>}
    </Confirm>
  );
}

export function RevokeDialog({ connection, onDone, onClose }: Props) {
  const { session, user, device } = connection;
  const revoke = async (): Promise<void> => {
    await api.revokeSession(session);
    toast(`Revoked the session of ${nameOf(connection)}.`);
    onDone();
  };
  return (
    <Confirm title="Revoke this session?" action="Revoke session" isDangerous onConfirm={revoke} onClose={onClose}>
      <p>
        Session <code>{session}</code> of {whose(user)} {device && <>on device <code>{device}</code> </>}ends for good.
      </p>
      <ul class="consequences">
        <li>All its connections are closed, on all nodes.</li>
        <li>Its tokens are worth nothing from then on.</li>
        <li>Whoever sits there has to log in again. Other sessions of the user go on.</li>
      </ul>
      {isOwn(connection) && <p class="field-error">This is the session of this console: you will be logged out.</p>}
    </Confirm>
  );
}

function whose(user: string) {
  return user ? (
    <>
      user <strong>{user}</strong>
    </>
  ) : (
    "an anonymous user"
  );
}

function nameOf({ user, client }: ConnectionView): string {
  return user ? shorten(user, 40) : shorten(client, 24);
}
