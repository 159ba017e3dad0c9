import { useEffect, useRef, useState } from "preact/hooks";
import { IconButton } from "./components/button.js";
import { Icon } from "./components/icon.js";
import { LinkBadge, LinkBanner } from "./components/link_state.js";
import { EmptyState } from "./components/states.js";
import { Page } from "./components/page.js";
import { pages } from "./pages/registry.js";
import { href, route } from "./router.js";
import { logOut, user } from "./session.js";
import { choice, chooseNext } from "./theme.js";
import { useWatch } from "./use_watch.js";

/** Navigation, the state of the connection, who is logged in; and the page. */
export function Frame() {
  useWatch("overview"); // so that the charts have no holes for the time that was spent on other pages
  const [isMenuOpen, setMenuOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const { page } = route.value;
  const entry = pages.find(({ name }) => name === page);
  useEffect(() => setMenuOpen(false), [page]);
  usePageFocus(main, page);
  return (
    <div class="frame" data-menu={isMenuOpen}>
      <a class="skip" href="#main" onClick={(event) => skip(event, main.current)}>
        Skip to content
      </a>
      <header class="topbar">
        <IconButton
          icon={isMenuOpen ? "close" : "menu"}
          label={isMenuOpen ? "Close menu" : "Open menu"}
          aria-expanded={isMenuOpen}
          aria-controls="navigation"
          data-part="menu"
          onClick={() => setMenuOpen(!isMenuOpen)}
        />
        <a class="brand" href={href("overview")}>
          <BrandMark />
          <span>Syncline</span>
        </a>
        <LinkBadge />
      </header>
      <nav
        id="navigation"
        class="sidebar"
        aria-label="Console"
        onKeyDown={(event) => event.key === "Escape" && setMenuOpen(false)}
      >
        <ul class="nav-list">
          {pages.map(({ name, title }) => (
            <li key={name}>
              <a href={href(name)} aria-current={name === page ? "page" : undefined} onClick={() => setMenuOpen(false)}>
                <Icon name={name} />
                {title}
              </a>
            </li>
          ))}
        </ul>
        <Account />
      </nav>
      <main id="main" class="content" ref={main} tabIndex={-1}>
        <LinkBanner />
        {entry ? <entry.component key={page} /> : <UnknownPage />}
      </main>
    </div>
  );
}

function UnknownPage() {
  return (
    <Page title="No such page">
      <EmptyState title="There is no page at this address">
        <a href={href("overview")}>Go to the overview</a>
      </EmptyState>
    </Page>
  );
}

function Account() {
  const { email = "", role = "" } = user.value ?? {};
  const names = { system: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" };
  const icons = { system: "system", light: "sun", dark: "moon" } as const;
  return (
    <div class="account">
      <p class="account-who" title={email}>
        <span class="cut">{email}</span>
        <span class="account-role">{role}</span>
      </p>
      <IconButton icon={icons[choice.value]} label={names[choice.value]} onClick={chooseNext} />
      <IconButton icon="logout" label="Log out" onClick={() => void logOut()} />
    </div>
  );
}

function BrandMark() {
  return (
    <svg class="brand-mark" viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <path class="brand-1" d="M5 8c4 0 5 5.500 11 5.500S23 8 27 8" />
      <path class="brand-2" d="M5 14.500c4 0 5 5.500 11 5.500s7-5.500 11-5.500" />
      <path class="brand-3" d="M5 21c4 0 5 5.500 11 5.500S23 21 27 21" />
    </svg>
  );
}

/** A new page begins at its heading, for eyes and for screen readers; the first one leaves the focus alone. */
function usePageFocus(main: { readonly current: HTMLElement | null }, page: string): void {
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) return void (isFirst.current = false);
    main.current?.scrollTo(0, 0);
    main.current?.querySelector("h1")?.focus();
  }, [page]);
}

/** A plain link would change the page: its address is what follows the hash. */
function skip(event: Event, main: HTMLElement | null): void {
  event.preventDefault();
  main?.focus();
}
