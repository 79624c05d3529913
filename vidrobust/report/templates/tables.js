"use strict";
(function () {
  const SHOWN = 10;
  function value(row, column) {
    const cell = row.cells[column], text = cell ? cell.textContent.trim() : "";
    const number = parseFloat(text.replace("\u2212", "-").replace(/^[^\d.-]+/, ""));
    return Number.isNaN(number) ? text : number;
  }
  function compare(a, b) {
    if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b);
    return typeof a === "number" ? -1 : 1;
  }
  function csv(rows) {
    const quoted = (cell) => '"' + cell.innerText.trim().replace(/\s+/g, " ").replaceAll('"', '""') + '"';
    return rows.map((row) => [...row.cells].map(quoted).join(",")).join("\r\n") + "\r\n";
  }
  function save(table, rows) {
    const link = document.createElement("a"), section = table.closest("section");
    link.href = URL.createObjectURL(new Blob([csv(rows)], { type: "text/csv" }));
    link.download = ((section && section.id) || "table") + ".csv";
    link.click();
    URL.revokeObjectURL(link.href);
  }
  for (const table of document.querySelectorAll("table")) {
    const rows = [...table.rows], named = rows.length && [...rows[0].cells].every((cell) => cell.tagName === "TH");
    const head = named ? rows[0] : null, body = named ? rows.slice(1) : rows;
    if (table.querySelector("[colspan]")) continue;
    (head ? [...head.cells] : []).forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => {
        const up = cell.getAttribute("aria-sort") !== "ascending";
        for (const other of head.cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", up ? "ascending" : "descending");
        body.sort((a, b) => (up ? 1 : -1) * compare(value(a, column), value(b, column)));
        body.forEach((row) => row.parentNode.append(row));
        cut();
      });
    });
    function cut() { body.forEach((row, k) => { row.hidden = k >= SHOWN; }); }
    if (body.length > SHOWN) {
      const all = document.createElement("button");
      all.type = "button";
      all.textContent = "All " + body.length + " rows as CSV";
      all.addEventListener("click", () => save(table, head ? [head, ...body] : body));
      (table.closest(".wide") || table).after(all);
    }
    cut();
  }
})();
