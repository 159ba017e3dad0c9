import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { sentenceOf } from "../session.js";
import { Button } from "./button.js";
import { Dialog } from "./dialog.js";

interface Props {
  title: string;
  /** What happens, and to whom. */
  children: ComponentChildren;
  /** The verb on the button: "Disconnect". */
  action: string;
  isDangerous?: boolean;
  /** The dialog stays, and says why, when it fails; `onClose` is called when it succeeds. */
  onConfirm: () => Promise<void>;
  onClose: () => void;
}

/** Asks before something is done to somebody else. */
export function Confirm({ title, children, action, isDangerous = false, onConfirm, onClose }: Props) {
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState("");
  const confirm = async (): Promise<void> => {
    setBusy(true);
    setFailure("");
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      setFailure(sentenceOf(error));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind={isDangerous ? "danger" : "primary"} isBusy={isBusy} onClick={() => void confirm()}>
            {action}
          </Button>
        </>
      }
    >
      {children}
      {failure && (
        <p class="field-error" role="alert">
          {failure}
        </p>
      )}
    </Dialog>
  );
}
