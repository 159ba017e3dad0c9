import type { SettingView } from "./types.js";

export interface SettingFilter {
  /** Words; each of them is somewhere in the option's name, value, source or description. */
  readonly text: string;
  /** As `sourceOf` gives them. */
  readonly source: string;
  readonly isChangedOnly: boolean;
}

export function matchesSetting({ text, source, isChangedOnly }: SettingFilter, setting: SettingView): boolean {
  if (source && sourceOf(setting) !== source) return false;
  if (isChangedOnly && !isChanged(setting)) return false;
  const told = [setting.key, setting.value, setting.source, setting.description].join("\n").toLowerCase();
  return words(text).every((word) => told.includes(word));
}

/** A secret is masked, and so may be its default: where it came from tells more than what it is. */
export function isChanged({ value, default: standard, source }: SettingView): boolean {
  return value !== standard || !source.startsWith("default");
}

/** "client.token." of "client.token.audience" */
export function sectionOf(key: string): string {
  return key.slice(0, key.lastIndexOf(".") + 1);
}

export function sourcesOf(settings: readonly SettingView[]): string[] {
  return [...new Set(settings.map(sourceOf))].sort();
}

/** "file" of "file /etc/syncline.toml", "env" of "env SYNCLINE_ENGINE__TYPE"; "dev profile" as it is. */
export function sourceOf({ source }: SettingView): string {
  return /^(file|env)\b/.exec(source)?.[0] ?? source;
}

function words(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}
