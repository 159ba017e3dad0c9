import { useEffect, useState } from "preact/hooks";
import { Button } from "../components/button.js";
import { TextField } from "../components/field.js";
import { Banner } from "../components/states.js";
import { endReason, logIn, sentenceOf } from "../session.js";

/** Why a session has ended, as sessions/login_session.py has the reasons. */
const endings: Record<string, string> = {
  administrator: "An administrator has ended this session.",
  disabled: "This account has been disabled.",
  expired: "This session has expired.",
  identity_provider: "The identity provider has ended this session.",
  password_changed: "The password of this account has been changed.",
  refresh_reused: "A copy of this session's token was used elsewhere, so the session was ended.",
  session_limit: "This account is logged in on as many devices as it may be.",
};

export function LoginPage() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [failure, setFailure] = useState("");
  const [isBusy, setBusy] = useState(false);
  useEffect(() => void (document.title = "Log in · Syncline console"), []);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setFailure("");
    try {
      await logIn(email, password);
    } catch (error) {
      setFailure(sentenceOf(error));
      setPassword("");
    }
    setBusy(false);
  };

  return (
    <main class="alone">
      <form class="alone-box" onSubmit={(event) => void submit(event)}>
        <h1>Syncline console</h1>
        <p class="hint">For administrators and operators of this hub.</p>
        {endReason.value && <Banner>{endings[endReason.value] ?? "This session has been ended."} Log in again.</Banner>}
        <TextField
          label="E-mail address"
          type="email"
          name="email"
          autoComplete="username"
          value={email}
          onText={setEmail}
          isRequired
          takesFocus
        />
        <TextField
          label="Password"
          type="password"
          name="password"
          autoComplete="current-password"
          value={password}
          onText={setPassword}
          isRequired
        />
        <p class="field-error alone-failure" role="alert">
          {failure}
        </p>
        <Button kind="primary" type="submit" isBusy={isBusy}>
          Log in
        </Button>
      </form>
    </main>
  );
}
