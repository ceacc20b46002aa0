// The little that needs a script; every page works without it.
(() => {
  "use strict";
  const root = document.documentElement;
  const cover = () => {
    root.classList.add("is-covered");
    document.title = root.dataset.lockedTitle || "Locked";
  };

  // Pages are never kept in the back/forward cache: what comes back from it is read anew.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      cover();
      window.location.reload();
    }
  });

  // Hide screen: cover first, then lock on the server. Shift pressed three times does the same.
  const hideForm = document.getElementById("hide-screen");
  if (hideForm) {
    hideForm.addEventListener("submit", cover);
    let presses = 0;
    let last = 0;
    window.addEventListener("keydown", (event) => {
      if (event.key !== "Shift" || event.repeat) {
        if (event.key !== "Shift") presses = 0;
        return;
      }
      presses = event.timeStamp - last < 1000 ? presses + 1 : 1;
      last = event.timeStamp;
      if (presses === 3) hideForm.requestSubmit();
    });
  }

  // Errors first: the summary takes the focus, its links lead to the fields.
  const summary = document.querySelector(".error-summary");
  if (summary) summary.focus();

  // Each printed sheet names the case that the page is about, if it is about one alone.
  window.addEventListener("beforeprint", () => {
    const codes = Array.from(document.querySelectorAll("main .code"), (one) => one.textContent.trim());
    const known = new Set(codes.filter((text) => /^TRM-[0-9A-Z-]{4,40}$/.test(text)));
    const title = document.querySelector("main h1.code");
    const code = title ? title.textContent.trim() : known.size === 1 ? [...known][0] : "";
    if (!/^[0-9A-Z-]+$/.test(code)) return;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`:root { --sheet: "${code}"; }`);
    document.adoptedStyleSheets = [sheet];
  });
  window.addEventListener("afterprint", () => { document.adoptedStyleSheets = []; });

  // Working keeps the session awake, also while a long text is typed and nothing is sent. Two minutes
  // before the idle lock the page says so; then it covers itself and locks the server.
  const warning = document.getElementById("idle-warning");
  if (warning) {
    const idle = Number(warning.dataset.idleSeconds) * 1000;
    const notice = Number(warning.dataset.noticeSeconds) * 1000;
    const stay = document.getElementById("idle-stay");
    let warn = 0;
    let lock = 0;
    let told = Date.now();
    const arm = () => {
      window.clearTimeout(warn);
      window.clearTimeout(lock);
      warning.hidden = true;
      warn = window.setTimeout(() => { warning.hidden = false; }, idle - notice);
      lock = window.setTimeout(() => { if (hideForm) hideForm.requestSubmit(); }, idle);
    };
    const tell = () => {
      told = Date.now();
      return fetch(stay.dataset.address, { credentials: "same-origin", cache: "no-store" }).then(
        (answer) => {
          const awake = answer.ok && !answer.redirected;
          if (awake) arm();
          return awake;
        },
        () => false,
      );
    };
    const notePresence = () => { if (Date.now() - told > 60000) tell(); };
    for (const act of ["keydown", "pointerdown", "input"]) window.addEventListener(act, notePresence);
    stay.addEventListener("click", () => {
      tell().then((awake) => { if (!awake) window.location.reload(); });
    });
    arm();
  }
})();
