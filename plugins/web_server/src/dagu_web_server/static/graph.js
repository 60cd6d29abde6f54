// A large graph is seen through a window.

/** Bring the step that is chosen, or the first, into the window; the page itself stays where it is. */
export function reveal(frame) {
  const node = frame.querySelector(".node.chosen") ?? frame.querySelector(".node");
  if (!node) return;
  const box = node.getBoundingClientRect();
  const view = frame.getBoundingClientRect();
  if (box.left >= view.left && box.right <= view.right && box.top >= view.top && box.bottom <= view.bottom) return;
  frame.scrollBy((box.left + box.right - view.left - view.right) / 2, (box.top + box.bottom - view.top - view.bottom) / 2);
}
