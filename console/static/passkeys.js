// Passkeys: asks the console for a challenge, the browser for its answer, and sends the form on.
"use strict";
(function () {
  const known = window.PublicKeyCredential;
  if (!known || !known.parseRequestOptionsFromJSON || !known.parseCreationOptionsFromJSON) {
    return;
  }

  async function ask(form) {
    const answer = await fetch(form.dataset.begin, {
      method: "POST",
      credentials: "same-origin",
      cache: "no-store",
      body: new URLSearchParams(new FormData(form)),
    });
    const said = await answer.json();
    if (!answer.ok) {
      throw new Error(said.problem || form.dataset.failed);
    }
    if (form.dataset.passkey === "create") {
      return navigator.credentials.create({ publicKey: known.parseCreationOptionsFromJSON(said) });
    }
    return navigator.credentials.get({ publicKey: known.parseRequestOptionsFromJSON(said) });
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    const problem = form.querySelector("[data-problem]");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      problem.textContent = "";
      ask(form).then(
        (credential) => {
          form.elements.credential.value = JSON.stringify(credential.toJSON());
          form.submit();
        },
        (error) => {
          // What the browser itself says is in its own words, not in the reader's.
          const own = error instanceof DOMException || error instanceof TypeError;
          problem.textContent = own ? form.dataset.failed : error.message;
        },
      );
    });
  }
})();
