// A click on a heading sorts the table by that column: numbers as numbers, the rest as text.
for (const heading of document.querySelectorAll("th")) {
  heading.addEventListener("click", () => {
    const column = heading.cellIndex;
    const body = heading.closest("table").tBodies[0];
    const ascending = heading.getAttribute("aria-sort") !== "ascending";
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const order = (a, b) =>
      a === "" || b === "" ? (a === "") - (b === "") :
      (ascending ? 1 : -1) * (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    body.append(...[...body.rows].sort((left, right) => order(key(left), key(right))));
  });
}
