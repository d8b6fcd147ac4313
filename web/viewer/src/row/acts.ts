// What can be done with a row: elements say it, the page does it.

import type { JsonValue } from "tailcast-client";

export type Act =
  | "toggle"
  | "more"
  | "fold"
  | "copy-value"
  | "copy-path"
  | "only"
  | "without"
  | "column"
  | "copy-line"
  | "copy-link"
  | "context"
  | "load";

export interface Action {
  readonly act: Act;
  /** The field's, when it is done with a field. */
  readonly path?: string;
  readonly value?: JsonValue;
}

/** Fields by their elements: what a line says is in no attribute. */
const fields = new WeakMap<Element, { readonly path: string; readonly value: JsonValue }>();

export function isOfField(element: Element, path: string, value: JsonValue): void {
  fields.set(element, { path, value });
}

/** What a click on `target` asks for. */
export function actionOf(target: EventTarget | null): Action | undefined {
  const element = target instanceof Element ? target.closest<HTMLElement>("[data-act]") : null;
  if (!element) return undefined;
  const act = element.dataset["act"] as Act;
  for (let around: Element | null = element; around; around = around.parentElement) {
    const field = fields.get(around);
    if (field) return { act, ...field };
  }
  return { act };
}

/** A button that asks for something. Out of the keyboard's way until its row is open. */
export function buttonFor(act: Act, label: string): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = act;
  button.dataset["act"] = act;
  button.textContent = label;
  return button;
}
