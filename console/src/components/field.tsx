import type { ComponentChildren, TargetedEvent } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

interface FieldProps {
  label: string;
  /** The label is there for screen readers only: the place says it to everybody else. */
  isLabelHidden?: boolean;
  hint?: ComponentChildren;
  /** What is wrong with it; said to screen readers when it appears. */
  error?: string;
  children: (ids: { id: string; "aria-describedby"?: string; "aria-invalid": boolean }) => ComponentChildren;
}

/** A label, what it labels, and what there is to say about it. */
export function Field({ label, isLabelHidden = false, hint, error = "", children }: FieldProps) {
  const id = useId();
  const about = hint || error ? `${id}-about` : undefined;
  return (
    <div class="field">
      <label for={id} class={isLabelHidden ? "unseen" : undefined}>
        {label}
      </label>
      {children({ id, "aria-invalid": error !== "", ...(about ? { "aria-describedby": about } : {}) })}
      {about && (
        <p id={about} class={error ? "field-error" : "hint"} role={error ? "alert" : undefined}>
          {error || hint}
        </p>
      )}
    </div>
  );
}

type Own = Omit<FieldProps, "children">;

interface WrittenProps {
  value: string;
  onText: (text: string) => void;
  name?: string;
  placeholder?: string;
  maxLength?: number;
  isDisabled?: boolean;
  isRequired?: boolean;
}

type TextProps = Own & WrittenProps;

interface LineProps extends TextProps {
  type?: "text" | "search" | "email" | "password" | "number";
  autoComplete?: string;
  /** Takes the focus when it appears. */
  takesFocus?: boolean;
}

export function TextField({ label, isLabelHidden, hint, error, type = "text", takesFocus = false, ...rest }: LineProps) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => void (takesFocus && input.current?.focus()), []);
  const { autoComplete = "off", ...text } = rest;
  return (
    <Field {...own(label, isLabelHidden, hint, error)}>
      {(ids) => (
        <input
          {...ids}
          {...written(text)}
          ref={input}
          type={type as "text"} // the types of preact know one role for each type of input, none for several
          autocomplete={autoComplete}
        />
      )}
    </Field>
  );
}

export function TextArea({ label, isLabelHidden, hint, error, rows = 6, ...rest }: TextProps & { rows?: number }) {
  return (
    <Field {...own(label, isLabelHidden, hint, error)}>
      {(ids) => <textarea {...ids} {...written(rest)} rows={rows} />}
    </Field>
  );
}

/** What an element that takes text has of its field. */
function written({ value, onText, name, placeholder, maxLength, isDisabled = false, isRequired = false }: WrittenProps) {
  return {
    name,
    value,
    placeholder,
    maxLength,
    disabled: isDisabled,
    required: isRequired,
    spellcheck: false,
    onInput: (event: TargetedEvent<HTMLInputElement | HTMLTextAreaElement>) => onText(event.currentTarget.value),
  };
}

interface SelectProps extends Own {
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  onPick: (value: string) => void;
}

export function Select({ label, isLabelHidden, hint, error, options, onPick, value }: SelectProps) {
  return (
    <Field {...own(label, isLabelHidden, hint, error)}>
      {(ids) => (
        <select {...ids} value={value} onChange={(event) => onPick(event.currentTarget.value)}>
          {options.map(([option, text]) => (
            <option key={option} value={option}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface CheckProps {
  label: ComponentChildren;
  isChecked: boolean;
  isDisabled?: boolean;
  onToggle: (isChecked: boolean) => void;
}

export function Check({ label, isChecked, isDisabled = false, onToggle }: CheckProps) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={isChecked}
        disabled={isDisabled}
        onChange={(event) => onToggle(event.currentTarget.checked)}
      />
      <span>{label}</span>
    </label>
  );
}

interface SegmentsProps<T extends string> {
  label: string;
  value: T;
  options: readonly (readonly [value: T, text: string])[];
  onPick: (value: T) => void;
}

/** One of a few, all to be seen. Radio buttons: the arrow keys choose. */
export function Segments<T extends string>({ label, value, options, onPick }: SegmentsProps<T>) {
  const name = useId();
  return (
    <fieldset class="segments">
      <legend class="unseen">{label}</legend>
      {options.map(([option, text]) => (
        <label key={option}>
          <input type="radio" name={name} value={option} checked={option === value} onChange={() => onPick(option)} />
          <span>{text}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** `exactOptionalPropertyTypes` tells what is absent from what is undefined. */
function own(label: string, isLabelHidden = false, hint: ComponentChildren = undefined, error = ""): Own {
  return { label, isLabelHidden, hint, error };
}
