/** The part of the SDK's ClientInfo that the roster reads. */
export interface Connection {
  readonly client: string;
  readonly user: string;
}

export interface Person {
  readonly user: string;
  readonly connections: number;
}

/** Who is in the channel, kept by connection so that a second tab of the same user counts once more. */
export class Roster {
  private users = new Map<string, string>();

  replace(connections: Iterable<Connection>): void {
    this.users = new Map([...connections].map(({ client, user }) => [client, user]));
  }

  join({ client, user }: Connection): void {
    this.users.set(client, user);
  }

  leave({ client }: Connection): void {
    this.users.delete(client);
  }

  people(): Person[] {
    const counts = new Map<string, number>();
    for (const user of this.users.values()) counts.set(user, (counts.get(user) ?? 0) + 1);
    return [...counts]
      .map(([user, connections]) => ({ user, connections }))
      .sort((a, b) => a.user.localeCompare(b.user));
  }
}

/** How a user id is shown: "ada" becomes "Ada". */
export function displayName(user: string): string {
  return user === "" ? "Anonymous" : user.charAt(0).toUpperCase() + user.slice(1);
}
