import { useEffect } from "preact/hooks";
import { Button } from "../components/button.js";
import { logOut, user } from "../session.js";

/** Logged in, and not allowed. */
export function RefusedPage() {
  useEffect(() => void (document.title = "Not allowed · Syncline console"), []);
  const { email = "", role = "" } = user.value ?? {};
  return (
    <main class="alone">
      <div class="alone-box" role="alert">
        <h1>Not for this account</h1>
        <p>
          The console is for the roles OPS and ADMIN. You are logged in as <strong>{email}</strong>, whose role is {role}. An
          administrator can change it.
        </p>
        <Button kind="primary" onClick={() => void logOut()}>
          Log out
        </Button>
      </div>
    </main>
  );
}
