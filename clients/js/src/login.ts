export type Role = "CUSTOMER" | "VENDOR" | "OPS" | "ADMIN";

export interface User {
  id: string;
  email: string;
  name: string;
  role: Role;
  status: "active" | "disabled";
  /** Milliseconds since the epoch, as all times. */
  created_at: number;
}

/** One log-in on one device. */
export interface LoginSession {
  id: string;
  device_id: string;
  name: string;
  platform: string;
  address: string;
  method: string;
  created_at: number;
  last_seen_at: number;
  expires_at: number;
  /** Live connections on all nodes. Absent in events. */
  connections?: number;
  /** Whether it is the one that asks. Absent in events. */
  current?: boolean;
}

/** What the server answers to a log-in and to a refresh. */
export interface TokenAnswer {
  access_token: string;
  expires_in: number;
  session: LoginSession;
  user: User;
  refresh_token?: string;
}

/** Who is logged in, as kept in the store. */
export interface Login {
  user: User;
  session: LoginSession;
  refreshToken?: string;
}

export interface AccessToken {
  value: string;
  expiresAtMs: number;
  lifetimeMs: number;
}
