import type { Json } from "syncline";
import { queryText, type Query } from "./router.js";
import { client, noteFailure } from "./session.js";
import type {
  ChannelDetailView,
  ChannelsView,
  ConnectionsView,
  DeadLettersView,
  Disconnection,
  HistoryView,
  Letters,
  LettersDoneView,
  LogsView,
  NodesView,
  PublishedView,
  RelaysView,
  SettingsView,
  TestPublication,
  TracesView,
  TraceView,
} from "./types.js";

/** The operators' REST. Everything throws a SynclineError or a LoggedOutError; `session.sentenceOf` words them. */
export const api = {
  nodes: () => get<NodesView>("nodes"),
  connections: (query: Query = {}) => get<ConnectionsView>("connections", query),
  disconnect: (body: Disconnection) => post<void>("connections/disconnect", body),
  revokeSession: (session: string) => post<void>(`sessions/${segment(session)}/revoke`),
  channels: (query: Query = {}) => get<ChannelsView>("channels", query),
  channel: (name: string) => get<ChannelDetailView>("channel", { name }),
  history: (name: string, limit = 50) => get<HistoryView>("channel/history", { name, limit }),
  publish: (body: TestPublication) => post<PublishedView>("channel/publish", body),
  relays: () => get<RelaysView>("relays"),
  deadLetters: (relay: string, limit = 100) => get<DeadLettersView>(deadLetters(relay), { limit }),
  replay: (relay: string, body: Letters) => post<LettersDoneView>(`${deadLetters(relay)}/replay`, body),
  remove: (relay: string, body: Letters) => post<LettersDoneView>(`${deadLetters(relay)}/remove`, body),
  traces: (query: Query = {}) => get<TracesView>("traces", query),
  trace: (id: string) => get<TraceView>(`traces/${segment(id)}`),
  logs: (query: Query = {}) => get<LogsView>("logs", query),
  settings: () => get<SettingsView>("settings"),
};

const segment = encodeURIComponent;

function deadLetters(relay: string): string {
  return `relays/${segment(relay)}/dead-letters`;
}

function get<T>(path: string, query: Query = {}): Promise<T> {
  const text = queryText(query);
  return send("GET", `${path}${text && `?${text}`}`);
}

function post<T>(path: string, body?: object): Promise<T> {
  return send("POST", path, body as Json | undefined);
}

/** A refusal of one action says something about that action; a refusal of reading, about this user. */
async function send<T>(method: "GET" | "POST", path: string, body?: Json): Promise<T> {
  try {
    return await client.request<T>({ method, path: `/v1/ops/${path}`, body });
  } catch (failure) {
    if (method === "GET") noteFailure(failure);
    throw failure;
  }
}
