"use strict";

// Sorts tables, filters long ones, and switches between light and dark. The page is complete without.
(() => {
  const FILTERED_FROM = 12; // rows

  const text = (row, column) => row.cells[column].textContent;
  const collator = new Intl.Collator("en", { numeric: true });

  // What is not known comes last, whichever way the rest is sorted.
  function compare(a, b, column, isNumber, sign) {
    if (!isNumber) return sign * collator.compare(text(a, column), text(b, column));
    const [x, y] = [a, b].map((row) => row.cells[column].dataset.order);
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
    return sign * (Number(x) - Number(y));
  }

  function sort(table, header) {
    const column = header.cellIndex;
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const isNumber = rows.some((row) => row.cells[column].dataset.order !== undefined);
    const before = header.getAttribute("aria-sort");
    // The first click shows the largest numbers, and names from A on.
    const first = isNumber ? "descending" : "ascending";
    const second = isNumber ? "ascending" : "descending";
    const order = before === first ? second : first;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    rows.sort((a, b) => compare(a, b, column, isNumber, sign));
    body.append(...rows);
  }

  function filter(table, words) {
    const wanted = words.toLowerCase().split(" ").filter(Boolean);
    for (const row of table.tBodies[0].rows) {
      const names = [...row.cells].filter((cell) => !cell.classList.contains("number"));
      const content = names.map((cell) => cell.textContent).join(" ").toLowerCase();
      row.hidden = !wanted.every((word) => content.includes(word));
    }
  }

  for (const table of document.querySelectorAll("table")) {
    for (const header of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      button.addEventListener("click", () => sort(table, header));
      header.append(button);
    }
    if (table.tBodies[0].rows.length >= FILTERED_FROM) {
      const input = document.createElement("input");
      input.type = "search";
      input.className = "filter";
      input.placeholder = "Show names with …";
      input.setAttribute("aria-label", input.placeholder);
      input.addEventListener("input", () => filter(table, input.value));
      table.parentElement.before(input);
    }
  }

  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const changed = () => document.dispatchEvent(new Event("theme"));
  const button = document.createElement("button");
  button.type = "button";
  button.id = "theme";
  button.textContent = "Light or dark";
  button.addEventListener("click", () => {
    const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    changed();
  });
  document.querySelector("header").prepend(button);
  dark.addEventListener("change", changed);

  // Paper is white.
  let shown;
  window.addEventListener("beforeprint", () => {
    shown = root.dataset.theme;
    root.dataset.theme = "light";
    changed();
  });
  window.addEventListener("afterprint", () => {
    if (shown === undefined) delete root.dataset.theme;
    else root.dataset.theme = shown;
    changed();
  });
})();
