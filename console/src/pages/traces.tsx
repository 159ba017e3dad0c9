import { route } from "../router.js";
import { TraceList } from "./traces/trace_list.js";
import { TracePage } from "./traces/trace_page.js";

export function TracesPage() {
  const id = route.value.path[0];
  return id ? <TracePage key={id} id={id} /> : <TraceList />;
}
