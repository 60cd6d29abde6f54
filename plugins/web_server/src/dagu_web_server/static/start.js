// The form that starts a workflow.

import { base, call, calm, trouble } from "./api.js";

const form = document.querySelector("form.start");
// A workflow with mistakes has none.
form?.addEventListener("submit", submit);

const readers = {
  text: (field) => (field.value === "" && !field.required ? undefined : field.value),
  lines: (field) => (field.value === "" && !field.required ? undefined : field.value),
  integer: (field) => (field.value === "" ? undefined : Number(field.value)),
  number: (field) => (field.value === "" ? undefined : Number(field.value)),
  boolean: (field) => field.checked,
  choice: (field) => (field.value === "" ? undefined : JSON.parse(field.value)),
  json: (field) => (field.value.trim() === "" ? undefined : JSON.parse(field.value)),
};

function params() {
  if (form.dataset.form === "text") return form.elements.params.value || null;
  const found = {};
  for (const field of form.querySelectorAll("[data-kind]")) {
    field.setCustomValidity("");
    try {
      const value = readers[field.dataset.kind](field);
      if (value !== undefined) found[field.name] = value;
    } catch (error) {
      field.setCustomValidity(`no JSON: ${error.message}`);
      field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
    }
  }
  return found;
}

async function submit(event) {
  event.preventDefault();
  calm(form);
  const given = params();
  if (!form.reportValidity()) return;
  const wanted = { workflow: form.dataset.workflow, params: given, enqueue: event.submitter?.value === "enqueue" };
  const answer = await call("POST", "runs", wanted);
  if (answer.ok) location.assign(`${base}/runs/${answer.value.run_id}`);
  else trouble(form, answer);
}
