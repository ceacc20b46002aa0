// Lets a page follow what changes: one stream, whose word "look" makes the parts of the page ask anew.
(() => {
  "use strict";
  const stream = document.getElementById("live-stream");
  const news = document.getElementById("news");
  const wantsNotice = Boolean(news && (news.dataset.sound || news.dataset.notice));
  if (stream && window.htmx && window.EventSource) {
    let source = null;
    const close = () => { if (source) source.close(); source = null; };
    const open = () => {
      close();
      source = new EventSource(stream.dataset.address);
      source.addEventListener("look", () => document.body.dispatchEvent(new Event("look")));
      // Too many windows: this one asks by the minute from now on.
      source.addEventListener("full", () => { close(); document.removeEventListener("visibilitychange", turn); });
      // Locked, or signed out, here or elsewhere: the page may not go on standing there.
      source.addEventListener("over", () => { close(); window.location.reload(); });
      // A line that breaks the browser mends by itself; a refusal, as of a proxy, it does not.
      source.addEventListener("error", () => {
        if (source && source.readyState === EventSource.CLOSED) { close(); window.setTimeout(turn, 10000); }
      });
    };
    // A hidden page gives its connection back, unless it is to tell of new items; seen again, it
    // opens a new one, which begins with a look.
    const turn = () => {
      if (document.hidden && !wantsNotice) close();
      else if (!document.hidden && !source) open();
    };
    document.addEventListener("visibilitychange", turn);
    window.addEventListener("pagehide", close);
    // After htmx has gone through the page: it hears the first look, too.
    if (news && !news.hasAttribute("data-htmx-powered")) {
      document.body.addEventListener("htmx:after:process", open, { once: true });
    } else {
      window.setTimeout(open);
    }
  }

  if (!news || !wantsNotice) return;
  let told = 0;
  const ring = () => {
    const Audio = window.AudioContext;
    if (!Audio) return;
    const audio = new Audio();
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    volume.gain.value = 0.1;
    tone.frequency.value = 660;
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.3);
    tone.onended = () => audio.close();
  };
  const notify = () => {
    if (!("Notification" in window) || Notification.permission !== "granted") return;
    try {
      // Nothing of what came: whoever sees the screen sees this.
      new Notification(news.dataset.title, { tag: "trm-news", requireInteraction: false });
    } catch {
      // Some telephones show notices only for installed applications: the page itself tells.
    }
  };
  new MutationObserver(() => {
    const line = news.querySelector("[data-count]");
    const count = line ? Number(line.dataset.count) : 0;
    if (count > told) {
      if (news.dataset.sound) ring();
      if (news.dataset.notice) notify();
    }
    told = count;
  }).observe(news, { childList: true });
})();
