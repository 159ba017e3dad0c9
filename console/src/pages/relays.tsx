import { route } from "../router.js";
import { DeadLettersPage } from "./relays/dead_letters_page.js";
import { RelayList } from "./relays/relay_list.js";

export function RelaysPage() {
  const name = route.value.path[0];
  return name ? <DeadLettersPage key={name} relay={name} /> : <RelayList />;
}
