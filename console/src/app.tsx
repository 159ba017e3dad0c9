import { Toasts } from "./components/toast.js";
import { Frame } from "./frame.js";
import { LoginPage } from "./pages/login.js";
import { RefusedPage } from "./pages/refused.js";
import { phase } from "./session.js";

export function App() {
  return (
    <>
      <Content />
      <Toasts />
    </>
  );
}

function Content() {
  switch (phase.value) {
    case "starting":
      return <p class="starting" role="status">Loading</p>;
    case "logged_out":
      return <LoginPage />;
    case "refused":
      return <RefusedPage />;
    case "open":
      return <Frame />;
  }
}
