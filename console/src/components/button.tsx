import type { ComponentChildren, ButtonHTMLAttributes } from "preact";
import { Icon, type IconName } from "./icon.js";

type Props = Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon"> & {
  kind?: "plain" | "primary" | "danger" | "quiet";
  icon?: IconName;
  /** Keeps its place and its name, and does nothing, while the work goes on. */
  isBusy?: boolean;
  children?: ComponentChildren;
};

export function Button({ kind = "plain", icon, isBusy = false, children, ...rest }: Props) {
  return (
    <button type="button" {...rest} class={`button ${kind}`} aria-busy={isBusy} disabled={rest.disabled || isBusy}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** Of a page whose data does not come by itself, or not soon enough. */
export function ReloadButton(props: Pick<Props, "isBusy" | "onClick">) {
  return (
    <Button {...props} icon="reload">
      Reload
    </Button>
  );
}

type IconButtonProps = Omit<Props, "children" | "icon"> & { icon: IconName; label: string };

/** A button that is a picture; its name is its label. */
export function IconButton({ label, kind = "quiet", ...rest }: IconButtonProps) {
  return <Button {...rest} kind={kind} data-shape="icon" aria-label={label} title={label} />;
}
