// Sorting, filtering and the choice of light or dark. Without it the page is whole; nothing is loaded or sent.
"use strict";
(() => {
  const NUMBER = /^(?:stale: )?([+-]?\d+(?:\.\d+)?)/;
  const groups = [...document.querySelectorAll(".table")].map((element) => {
    const pieces = [...element.querySelectorAll("table")];
    const bodies = pieces.map((table) => table.tBodies[0]);
    // One line of the table: its rows in all pieces, so that they stay together.
    const lines = [...bodies[0].rows].map((_, i) => bodies.map((body) => body.rows[i]));
    return { pieces, bodies, lines };
  });

  const number = (text) => {
    const found = NUMBER.exec(text);
    return found ? parseFloat(found[1]) : NaN;
  };

  // Numbers by value, with what holds none at the end whichever way; names as people order them.
  const comparison = (piece, column, sign) => {
    const text = (line) => line[piece].cells[column].textContent.trim();
    return (a, b) => {
      const [x, y] = [number(text(a)), number(text(b))];
      if (column === 0 || (isNaN(x) && isNaN(y))) {
        return sign * text(a).localeCompare(text(b), "en", { numeric: true });
      }
      if (isNaN(x) || isNaN(y)) return isNaN(x) ? 1 : -1;
      return sign * (x - y);
    };
  };

  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
  const sort = (group, piece, header) => {
    const order = NEXT[header.getAttribute("aria-sort")];
    for (const table of group.pieces) {
      for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    }
    header.setAttribute("aria-sort", order);
    const lines = [...group.lines];
    if (order !== "none") lines.sort(comparison(piece, header.cellIndex, order === "ascending" ? 1 : -1));
    group.bodies.forEach((body, i) => body.append(...lines.map((line) => line[i])));
  };

  for (const group of groups) {
    group.pieces.forEach((table, piece) => {
      for (const header of table.tHead.rows[0].cells) {
        const button = document.createElement("button");
        button.type = "button";
        button.title = "Sort; again: the other way; again: as printed";
        button.append(...header.childNodes);
        button.addEventListener("click", () => sort(group, piece, header));
        header.append(button);
        header.setAttribute("aria-sort", "none");
      }
    });
  }

  // What is wider than its place says so in words too, above it.
  const hints = [...document.querySelectorAll(".table .scroll")].map((box) => {
    const hint = document.createElement("p");
    hint.className = "more";
    hint.textContent = "More columns: scroll sideways \u2192";
    box.before(hint);
    return [box, hint];
  });
  const measure = () => {
    for (const [box, hint] of hints) hint.classList.toggle("needed", box.scrollWidth > box.clientWidth + 1);
  };
  addEventListener("resize", measure);
  measure();

  // A figure fits the screen; on a small one a tap shows it large enough to read, to be scrolled.
  for (const figure of document.querySelectorAll("figure")) {
    const card = figure.querySelector(".card");
    const button = document.createElement("button");
    button.type = "button";
    const enlarge = (large) => {
      figure.classList.toggle("large", large);
      // Only what scrolls is a stop of the tab key.
      if (large) card.tabIndex = 0;
      else card.removeAttribute("tabindex");
      button.textContent = large ? "Fit the figure to the screen" : "Enlarge the figure, then scroll it";
      button.setAttribute("aria-pressed", large);
    };
    button.addEventListener("click", () => enlarge(!figure.classList.contains("large")));
    enlarge(false);
    card.after(button);
  }

  const tools = document.getElementById("tools");
  if (groups.length) {
    const input = document.createElement("input");
    input.type = "search";
    input.id = "filter";
    input.placeholder = "Filter all rows";
    input.setAttribute("aria-label", "Filter the rows of all tables by the words in them");
    const shown = document.createElement("output");
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let [kept, all] = [0, 0];
      for (const line of groups.flatMap((group) => group.lines)) {
        const text = line.map((row) => row.textContent).join(" ").toLowerCase();
        const match = words.every((word) => text.includes(word));
        for (const row of line) row.hidden = !match;
        kept += match;
        all += 1;
      }
      shown.textContent = words.length ? `${kept} of ${all} rows` : "";
    });
    tools.append(input, shown);
  }

  const THEMES = ["auto", "light", "dark"];
  const button = document.createElement("button");
  button.type = "button";
  button.id = "theme";
  const choose = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Colours: ${theme}`;
    button.dataset.theme = theme;
  };
  button.addEventListener("click", () => {
    choose(THEMES[(THEMES.indexOf(button.dataset.theme) + 1) % THEMES.length]);
  });
  choose("auto");
  tools.append(button);
  if (matchMedia("(max-width: 64rem)").matches) document.querySelector("nav details")?.removeAttribute("open");
})();
