// Asks the browser whether it may show notices; only a press of the button asks.
(() => {
  "use strict";
  const button = document.getElementById("notice-ask");
  const line = document.getElementById("notice-permission");
  if (!button || !line || !("Notification" in window)) return;
  const show = () => {
    const said = line.dataset[Notification.permission];
    line.textContent = said || "";
    line.hidden = !said;
    button.hidden = Notification.permission !== "default";
  };
  button.addEventListener("click", () => { Notification.requestPermission().then(show, show); });
  show();
})();
