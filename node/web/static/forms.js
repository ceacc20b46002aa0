// Forms from the catalogue: what does not apply is not shown, and long texts are counted.
// Without this script all fields stand there, each with its condition in words.
(() => {
  "use strict";
  const named = (form, name) => form.querySelectorAll(`[name="${CSS.escape(name)}"]`);
  const chosen = (form, name) => Array.from(named(form, name))
    .filter((control) => !/^(radio|checkbox)$/.test(control.type) || control.checked)
    .map((control) => control.value);

  for (const form of document.querySelectorAll("form")) {
    const dependents = form.querySelectorAll("[data-shown-when]");
    if (!dependents.length) continue;
    for (const part of dependents) {
      const words = part.querySelector(".only-if");
      if (words) words.hidden = true;
    }
    const show = () => {
      for (const part of dependents) {
        const alternatives = JSON.parse(part.dataset.shownWhen);
        const names = alternatives.flatMap((one) => Object.keys(one));
        if (!names.some((name) => named(form, name).length)) continue;
        part.hidden = !alternatives.some((one) => Object.entries(one)
          .every(([name, wanted]) => chosen(form, name).some((value) => wanted.includes(value))));
      }
    };
    form.addEventListener("change", show);
    show();
  }

  // The number of characters, once somebody writes; said aloud only near the end.
  for (const text of document.querySelectorAll("textarea[maxlength]")) {
    const most = Number(text.getAttribute("maxlength"));
    const count = document.createElement("p");
    count.className = "hint count";
    count.hidden = true;
    text.after(count);
    text.addEventListener("input", () => {
      count.hidden = false;
      if (text.value.length > most * 0.9) count.setAttribute("role", "status");
      count.textContent = `${text.value.length} / ${most}`;
    });
  }
})();
