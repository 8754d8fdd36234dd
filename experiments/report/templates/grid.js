// A table of rows kept as JSON: searched, sorted and shown a page at a time. Texts are only ever set as text.
for (const grid of document.querySelectorAll(".grid")) {
  const { columns, rows, detailColumns, details } = JSON.parse(document.getElementById(grid.dataset.rows).textContent);
  const PAGE = 50;
  const element = (tag, text = "", parent = null) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };
  // A cell is a text, a number, nothing, or a pair of the number to sort by and the text to show.
  const shown = (value) =>
    Array.isArray(value) ? value[1] : typeof value === "number" ? value.toLocaleString("en") : value ?? "";
  const key = (value) => (Array.isArray(value) ? value[0] : value);
  const words = rows.map((row, i) => [...row, ...details[i].flat()].map(shown).join("\n").toLowerCase());
  let found = rows.map((_, i) => i), first = 0, sorted = -1, sign = 1;

  const bar = element("p", "", grid);
  bar.className = "bar";
  const label = element("label", "Search ", bar);
  const search = element("input", "", label);
  search.type = "search";
  search.placeholder = "words, all of which must occur";
  const back = element("button", "‹", bar), place = element("output", "", bar), on = element("button", "›", bar);
  back.type = on.type = "button";
  back.setAttribute("aria-label", "rows before");
  on.setAttribute("aria-label", "rows after");
  const scroll = element("div", "", grid);
  scroll.className = "scroll";
  scroll.tabIndex = 0;
  const table = element("table", "", scroll);
  table.className = "prose";
  const head = element("tr", "", element("thead", "", table)), body = element("tbody", "", table);
  columns.forEach((column, i) => {
    const cell = element("th", "", head), button = element("button", column, cell);
    cell.scope = "col";
    button.type = "button";
    button.onclick = () => {
      sign = sorted === i ? -sign : 1;
      sorted = i;
      select();
    };
  });

  const order = (a, b) => {
    const [one, other] = [key(rows[a][sorted]), key(rows[b][sorted])];
    if ((one ?? "") === "" || (other ?? "") === "") return (one ?? "") === "" ? ((other ?? "") === "" ? a - b : 1) : -1;
    const compared =
      typeof one === "number" && typeof other === "number"
        ? one - other
        : String(one).localeCompare(String(other), "en", { numeric: true });
    return sign * compared || a - b;
  };
  const select = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = rows.map((_, i) => i).filter((i) => wanted.every((word) => words[i].includes(word)));
    if (sorted >= 0) found.sort(order);
    first = 0;
    show();
  };
  const open = (line, i, button) => {
    if (button.getAttribute("aria-expanded") === "true") {
      line.nextSibling.remove();
      button.setAttribute("aria-expanded", "false");
      return;
    }
    button.setAttribute("aria-expanded", "true");
    const under = element("tr"), cell = element("td", "", under);
    under.className = "under";
    cell.colSpan = columns.length;
    const inner = element("table", "", element("div", "", cell)), names = element("tr", "", element("thead", "", inner));
    for (const column of detailColumns) element("th", column, names).scope = "col";
    const lines = element("tbody", "", inner);
    for (const detail of details[i]) {
      const row = element("tr", "", lines);
      for (const value of detail) element("td", shown(value), row);
    }
    line.after(under);
  };
  const show = () => {
    head.querySelectorAll("th").forEach((cell, i) => {
      cell.setAttribute("aria-sort", i !== sorted ? "none" : sign > 0 ? "ascending" : "descending");
    });
    body.replaceChildren();
    for (const i of found.slice(first, first + PAGE)) {
      const line = element("tr", "", body);
      rows[i].forEach((value, column) => {
        if (column) {
          const text = String(shown(value)), plain = element("td", text, line);
          if (text.length > 28) plain.className = "long";
          return;
        }
        const cell = element("th", "", line), button = element("button", shown(value), cell);
        cell.scope = "row";
        button.type = "button";
        button.setAttribute("aria-expanded", "false");
        button.onclick = () => open(line, i, button);
      });
    }
    const last = Math.min(first + PAGE, found.length);
    place.textContent = found.length
      ? ` ${(first + 1).toLocaleString("en")} to ${last.toLocaleString("en")} of ${found.length.toLocaleString("en")} `
      : " nothing found ";
    back.disabled = first === 0;
    on.disabled = last === found.length;
  };
  back.onclick = () => { first -= PAGE; show(); };
  on.onclick = () => { first += PAGE; show(); };
  let waiting;
  search.oninput = () => { clearTimeout(waiting); waiting = setTimeout(select, 150); };
  show();
}
