/** Finds the element a template marks with `data-part`. A missing one is a broken page, so it throws. */
export function part<E extends Element>(root: ParentNode, name: string, type: new () => E): E {
  const found = root.querySelector(`[data-part="${name}"]`);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} named ${name}`);
  return found;
}

export function element(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** A fresh copy of the single element inside `<template data-part=name>`. */
export function stamp(name: string): HTMLElement {
  const content = part(document, name, HTMLTemplateElement).content.cloneNode(true) as DocumentFragment;
  const root = content.firstElementChild;
  if (!(root instanceof HTMLElement)) throw new Error(`template ${name} is empty`);
  return root;
}

/** Sets a text that is not the same already: screen readers read a live region again when it is touched. */
export function say(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
