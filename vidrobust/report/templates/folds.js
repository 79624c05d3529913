"use strict";
(function () {
  function unfold() {
    const named = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const fold = named && named.closest("details");
    if (fold) { fold.open = true; named.scrollIntoView(); }
  }
  window.addEventListener("hashchange", unfold);
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
  const all = document.getElementById("unfold-all");
  if (all) all.addEventListener("click", () => document.querySelectorAll("main > details").forEach((d) => { d.open = true; }));
  unfold();
})();
