// Text into the clipboard. A page over plain HTTP has no `navigator.clipboard`; there the old way is left.

/** Answers whether it was copied. */
export async function copyText(text: string, page: Document = document): Promise<boolean> {
  const clipboard = page.defaultView?.navigator.clipboard;
  try {
    if (clipboard) {
      await clipboard.writeText(text);
      return true;
    }
  } catch {
    // Not allowed, or the page has lost the focus meanwhile: the other way may still work.
  }
  return copiedBySelection(text, page);
}

function copiedBySelection(text: string, page: Document): boolean {
  const focused = page.activeElement;
  const area = page.createElement("textarea");
  area.value = text;
  area.readOnly = true;
  area.setAttribute("aria-hidden", "true");
  for (const [name, value] of [["position", "fixed"], ["top", "0"], ["opacity", "0"]] as const) area.style.setProperty(name, value);
  // Outside of an open dialog nothing can have the focus.
  (focused?.closest("dialog[open]") ?? page.body).append(area);
  area.select();
  try {
    return page.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}
