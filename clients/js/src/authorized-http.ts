import { LoggedOutError, SynclineError } from "./errors.js";
import type { Http, Request } from "./http.js";
import type { TokenKeeper } from "./token-keeper.js";

/** The REST door for one log-in: requests carry its access token, and are repeated once with a new one. */
export class AuthorizedHttp {
  constructor(
    private readonly http: Http,
    private readonly keeper: TokenKeeper,
    private readonly sid: string,
  ) {}

  /** Throws what `Http.send` and `TokenKeeper.token` throw. */
  async send<T>(request: Request): Promise<T> {
    const bearer = await this.token();
    try {
      return await this.http.send<T>({ ...request, bearer });
    } catch (error) {
      if (!(error instanceof SynclineError) || error.status !== 401) throw error;
      if (error.code === "session_revoked") await this.keeper.end(error.code);
      if (error.code !== "token_expired" && error.code !== "unauthorized") throw error;
      return this.http.send<T>({ ...request, bearer: await this.token(bearer) });
    }
  }

  /** Never that of another log-in which has taken this one's place. */
  async token(stale = ""): Promise<string> {
    const token = await this.keeper.token(stale);
    if (this.keeper.login?.session.id !== this.sid) throw new LoggedOutError("replaced");
    return token;
  }
}
