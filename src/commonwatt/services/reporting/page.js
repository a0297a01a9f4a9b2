"use strict";
// Draws the figures in the colours of the page, again whenever those change: light, dark, or on paper.
(() => {
  const text = document.getElementById("figures").textContent;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const print = matchMedia("print");
  const touch = matchMedia("(pointer: coarse)").matches;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const config = {
    displaylogo: false, displayModeBar: touch || innerWidth < 640 ? false : "hover", scrollZoom: false,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const inks = () => {
    const axis = { gridcolor: colour("--grid"), zerolinecolor: colour("--quiet"), linecolor: colour("--line") };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: touch ? false : "zoom",
      font: { color: colour("--ink"), size: 13, family: "system-ui, sans-serif" },
      hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--quiet"), activecolor: colour("--ink") },
      transition: { duration: still ? 0 : 200 }, axis,
    };
  };
  // What another script puts into a figure before it is drawn.
  const amend = window.amendFigure || ((name, figure) => figure);
  const parsed = {};
  const draw = (only) => {
    const { axis, ...ink } = inks();
    // The dark blue of the palette and the ink are too dark on a dark ground.
    const light = (colours) => colours.replaceAll("#0072B2", "#56B4E9").replaceAll("#1C2326", "#E8EBE9");
    const isDark = dark.matches && !print.matches;
    const figures = (parsed[isDark] ??= JSON.parse(isDark ? light(text) : text));
    for (const [name, drawn] of Object.entries(figures)) {
      const place = document.getElementById("plot-" + name);
      if (!place || (only && name !== only)) continue;
      const figure = amend(name, drawn);
      // Widths are ours: plotly's own answer to a new size of the window takes the height away, too.
      const { paddingLeft, paddingRight } = getComputedStyle(place);
      const width = place.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
      const layout = { ...figure.layout, ...ink, width, xaxis: { ...figure.layout.xaxis, ...axis }, yaxis: { ...figure.layout.yaxis, ...axis } };
      if (place.clientWidth < 480) {
        layout.margin = { ...layout.margin, l: 8, r: 8 };
        layout.yaxis.automargin = true;
      }
      Plotly.react(place, figure.data, layout, config);
    }
  };
  window.redrawFigure = draw;
  // A table that goes on beyond its frame says so in words, too.
  const cue = () => {
    for (const frame of document.querySelectorAll(".table")) {
      let said = frame.previousElementSibling;
      if (!said || !said.classList.contains("cue")) {
        said = document.createElement("p");
        said.className = "cue";
        said.textContent = "This table goes on to the right: scroll it sideways.";
        frame.before(said);
      }
      said.hidden = frame.scrollWidth <= frame.clientWidth + 1;
    }
  };
  draw();
  cue();
  let waiting, drawnFor = document.documentElement.clientWidth;
  addEventListener("resize", () => {
    cue();
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const width = document.documentElement.clientWidth;
      if (width !== drawnFor) draw();
      drawnFor = width;
    }, 100);
  });
  document.addEventListener("toggle", cue, true);
  dark.addEventListener("change", () => draw());
  print.addEventListener("change", () => draw());
})();
