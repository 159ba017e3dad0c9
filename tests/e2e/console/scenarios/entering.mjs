// Who gets in, who does not, and how one gets out again.
import { asAdmin, enter, isLive, logIn, openConsole, refusedRequest, visit, withConsole } from "../page.mjs";

export const scenarios = {
  async log_in(hub) {
    const run = async (page) => {
      await openConsole(page, hub, "#/nodes");
      await logIn(page, { ...hub.operator, password: "not the password" });
      await page.getByRole("alert").getByText("E-mail address or password are wrong.").waitFor();
      await logIn(page, hub.operator);
      await page.getByRole("heading", { level: 1, name: "Nodes" }).waitFor();
      await isLive(page);
      await page.reload();
      await page.getByRole("heading", { level: 1, name: "Nodes" }).waitFor();
      await isLive(page);
      await page.getByRole("button", { name: "Log out" }).click();
      await page.getByRole("button", { name: "Log in" }).waitFor();
      await page.reload();
      await page.getByRole("button", { name: "Log in" }).waitFor();
    };
    await withConsole(hub, run, { expected: [refusedRequest] });
  },

  async customer_is_refused(hub) {
    await withConsole(hub, async (page) => {
      await openConsole(page, hub);
      await logIn(page, hub.customer);
      await page.getByRole("heading", { name: "Not for this account" }).waitFor();
      await page.getByText("whose role is CUSTOMER").waitFor();
      await page.getByRole("button", { name: "Log out" }).click();
      await logIn(page, hub.operator);
      await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    });
  },

  async a_role_taken_away_ends_it(hub) {
    const run = async (page) => {
      await enter(page, hub);
      const user = await userOf(hub, hub.operator.email);
      await asAdmin(hub, "PATCH", `/v1/users/${user.id}`, { role: "CUSTOMER" });
      await page.getByRole("heading", { name: "Not for this account" }).waitFor();
      await asAdmin(hub, "PATCH", `/v1/users/${user.id}`, { role: "OPS" });
      await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
      await isLive(page);
    };
    await withConsole(hub, run, { expected: [refusedRequest] });
  },

  async a_revoked_session_leads_to_the_log_in(hub) {
    const run = async (page) => {
      await enter(page, hub);
      const user = await userOf(hub, hub.operator.email);
      await asAdmin(hub, "POST", `/v1/users/${user.id}/sessions/revoke-all`);
      await page.getByText(/(An administrator has ended this session|This session has been ended)\. Log in again\./).waitFor();
      await logIn(page, hub.operator);
      await isLive(page);
      await visit(page, "Nodes");
    };
    await withConsole(hub, run, { expected: [refusedRequest] });
  },
};

async function userOf(hub, email) {
  const { users } = await asAdmin(hub, "GET", "/v1/users");
  return users.find((user) => user.email === email);
}
