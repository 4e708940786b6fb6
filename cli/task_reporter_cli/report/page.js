"use strict";
// Lets the reader filter and sort the table. Without it, the page is the same, but for that.
(() => {
  const section = document.getElementById("tasks");
  const form = document.getElementById("filter");
  if (!section || !form) return;

  const body = section.querySelector("tbody");
  const heads = Array.from(section.querySelectorAll("thead th"));
  const field = (id) => document.getElementById(id);
  const textOf = (row, column) => row.cells[column].textContent.trim();
  const KIND = 1, OUTCOME = 2;

  // Read once: asking the document again at each key would be felt.
  const tasks = Array.from(body.rows, (row) => ({
    row,
    kind: textOf(row, KIND),
    outcome: textOf(row, OUTCOME),
    text: Array.from(row.cells, (cell) => cell.textContent).join("\n").toLowerCase(),
  }));

  function matching() {
    const words = field("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = field("kind").value, outcome = field("outcome").value;
    return (task) => (!kind || task.kind === kind) && (!outcome || task.outcome === outcome)
      && words.every((word) => task.text.includes(word));
  }

  function filter() {
    const matches = matching();
    let count = 0;
    for (const task of tasks) {
      const match = matches(task);
      if (match) count += 1;
      if (task.row.hidden === match) task.row.hidden = !match;
    }
    const all = tasks.length.toLocaleString("en"), tell = field("matches");
    tell.textContent = count === tasks.length ? `${all} tasks` : `${count.toLocaleString("en")} of ${all} tasks`;
    field("none").hidden = count > 0;
  }

  // A length is sorted as its number of seconds. An empty cell comes last, whichever way.
  function keyOf(row, column) {
    const cell = row.cells[column];
    if (cell.dataset.n !== undefined) return Number(cell.dataset.n);
    return cell.textContent.trim().toLowerCase();
  }

  function compare(one, other, sign) {
    if (one.key === "" || other.key === "") return (one.key === "") - (other.key === "");
    return one.key < other.key ? -sign : one.key > other.key ? sign : 0;
  }

  function sort(column) {
    const head = heads[column];
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = tasks.map((task) => ({ row: task.row, key: keyOf(task.row, column) }));
    keyed.sort((one, other) => compare(one, other, down ? -1 : 1));
    body.append(...keyed.map((entry) => entry.row));
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(column));
    head.replaceChildren(button);
  });
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter(); // a browser that comes back to the page fills the fields in again
})();
