// Brings files in piece by piece, with progress, and goes on where the line broke. Without it the
// form is sent as it is.
(() => {
  "use strict";
  const form = document.getElementById("attach");
  if (!form) return;
  const PIECE = 4 * 1024 * 1024;
  const PAUSES = [1000, 2000, 5000, 10000, 30000];
  const chooser = form.elements.namedItem("file");
  const token = form.elements.namedItem("form_token").value;
  const panel = document.getElementById("attach-progress");
  const bar = document.getElementById("attach-bar");
  const percent = document.getElementById("attach-percent");
  const problem = document.getElementById("attach-problem");
  const button = form.querySelector("button");

  const pause = (milliseconds) => new Promise((done) => { window.setTimeout(done, milliseconds); });
  const say = (text) => { problem.textContent = text; problem.hidden = !text; };
  const show = (received, size) => {
    const share = Math.floor((100 * received) / size);
    bar.value = share;
    percent.textContent = `${share} %`;
  };

  const ask = async (address, options) => {
    const answer = await fetch(address, { credentials: "same-origin", cache: "no-store", ...options });
    if (answer.redirected) { window.location.reload(); return new Promise(() => {}); }
    const kind = answer.headers.get("content-type") || "";
    if (answer.status === 403 || answer.status === 404) {
      // Removed in another window, or another session: the page says how things are.
      window.location.reload();
      return new Promise(() => {});
    }
    if (!kind.startsWith("application/json")) throw new Error("no answer");
    return { status: answer.status, body: await answer.json() };
  };

  const bringIn = async (file) => {
    const begin = await ask(`${form.dataset.base}/begin`, {
      method: "POST",
      headers: { "X-Form-Token": token },
      body: new URLSearchParams({
        form_token: token,
        name: file.name,
        size: String(file.size),
        edition: String(file.lastModified),
        sensitivity: form.elements.namedItem("sensitivity").value,
      }),
    });
    if (begin.status !== 200) { say(begin.body.problem || ""); return false; }
    const address = `${form.dataset.base}/${begin.body.file_id}`;
    let { received, complete } = begin.body;
    let failures = 0;
    show(received, file.size);
    while (!complete) {
      try {
        const answer = await ask(address, {
          method: "POST",
          headers: {
            "X-Form-Token": token,
            "Upload-Offset": String(received),
            "Content-Type": "application/octet-stream",
          },
          body: file.slice(received, received + PIECE),
        });
        if (answer.status === 409) received = answer.body.offset;
        else if (answer.status !== 200) { say(answer.body.problem || ""); return false; }
        else ({ received, complete } = answer.body);
        failures = 0;
        say("");
      } catch {
        say(problem.dataset.again);
        await pause(PAUSES[Math.min(failures, PAUSES.length - 1)]);
        failures += 1;
        try {
          const state = await ask(address, {});
          if (state.status === 200) ({ received, complete } = state.body);
        } catch {
          // Still away: the next turn tries again.
        }
      }
      show(received, file.size);
    }
    return true;
  };

  window.addEventListener("pageshow", () => { button.disabled = false; });
  form.addEventListener("submit", (event) => {
    const file = chooser.files[0];
    if (!file || file.size === 0) return;
    event.preventDefault();
    button.disabled = true;
    panel.hidden = false;
    say("");
    bringIn(file).then(
      (done) => {
        if (done) window.location.assign(form.dataset.base);
        else { button.disabled = false; panel.hidden = true; }
      },
      () => { button.disabled = false; panel.hidden = true; form.submit(); },
    );
  });
})();
