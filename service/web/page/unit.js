export const name = "unit";
export const title = "A unit";
export const lead = "Which stimulus does a unit prefer, and what does it listen to?";
export function mount(frame) {
  return { show(parameters) { frame.body.textContent = parameters.toString(); } };
}
