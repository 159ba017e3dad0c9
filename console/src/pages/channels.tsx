import { route } from "../router.js";
import { ChannelList } from "./channels/channel_list.js";
import { ChannelPage } from "./channels/channel_page.js";

export function ChannelsPage() {
  // A name may hold slashes, which a hand-written address has as they are.
  const name = route.value.path.join("/");
  return name ? <ChannelPage key={name} name={name} /> : <ChannelList />;
}
