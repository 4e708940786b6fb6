"use strict";
// Lets the reader filter and sort the tables. Without it, the page is the same, but for that.
for (const form of document.forms) {
  const section = form.closest("section"), table = section.querySelector("table");
  const first = table.tBodies[0], further = table.querySelector(".further");
  const room = further ? first.rows.length : Infinity;
  const heads = Array.from(table.tHead.rows[0].cells);
  const fields = Array.from(form.querySelectorAll("input, select"));

  // Read once: asking the document again at each key would be felt.
  const entries = Array.from(table.querySelectorAll("tbody:not(.more) > tr"), (row) => {
    const cells = Array.from(row.cells, (cell) => cell.textContent.trim());
    return { row, cells, text: cells.join("\n").toLowerCase() };
  });

  // A list's choice is a cell as it is; words are in a cell, or anywhere in the row.
  function condition({ value, tagName, dataset: { column } }) {
    if (tagName === "SELECT") return (entry) => !value || entry.cells[column] === value;
    const words = value.toLowerCase().split(/\s+/).filter(Boolean);
    const textOf = (entry) => column === undefined ? entry.text : entry.cells[column].toLowerCase();
    return (entry) => words.every((word) => textOf(entry).includes(word));
  }

  function filter() {
    const conditions = fields.map(condition);
    let count = 0;
    for (const entry of entries) {
      const match = conditions.every((matches) => matches(entry));
      if (match) count += 1;
      if (entry.row.hidden === match) entry.row.hidden = !match;
    }
    const all = `${entries.length.toLocaleString("en")} ${table.dataset.word}`;
    form.querySelector("output").textContent = count === entries.length ? all : `${count.toLocaleString("en")} of ${all}`;
    section.querySelector(".none").hidden = count > 0;
    section.classList.toggle("searched", fields.some((field) => field.value));
  }

  // A length is sorted as its number of seconds. An empty cell comes last, whichever way.
  function keyOf({ row, cells }, column) {
    const seconds = row.cells[column].dataset.n, text = cells[column];
    if (seconds !== undefined) return Number(seconds);
    return isNumeric(column) && text ? parseFloat(text.replaceAll(",", "")) : text.toLowerCase();
  }

  function isNumeric(column) {
    return heads[column].classList.contains("n");
  }

  function compare(one, other, sign) {
    if (one.key === "" || other.key === "") return (one.key === "") - (other.key === "");
    return one.key < other.key ? -sign : one.key > other.key ? sign : 0;
  }

  // A column of numbers begins with the largest.
  function sort(column) {
    const [usual, reverse] = isNumeric(column) ? ["descending", "ascending"] : ["ascending", "descending"];
    const order = heads[column].getAttribute("aria-sort") === usual ? reverse : usual;
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[column].setAttribute("aria-sort", order);
    const keyed = entries.map((entry) => ({ row: entry.row, key: keyOf(entry, column) }));
    keyed.sort((one, other) => compare(one, other, order === "descending" ? -1 : 1));
    const rows = keyed.map((entry) => entry.row);
    first.append(...rows.slice(0, room));
    further?.append(...rows.slice(room));
    section.querySelector(".rest")?.remove(); // it counts the rows that were further ones at first
  }

  heads.forEach((head, column) => {
    if (head.className === "drawn") return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column));
    head.replaceChildren(button);
  });
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter(); // a browser that comes back to the page fills the fields in again
}
