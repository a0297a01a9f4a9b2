"use strict";
// Fills the drawing of the feeder for the slot that the slider stands at: colours and layout are in the figure, `map` is its data.
(() => {
  const place = document.getElementById("plot-feeder");
  if (!place) return;
  const slider = document.getElementById("feeder-slot");
  const said = document.getElementById("feeder-said");
  const body = document.querySelector("#feeder-lines tbody");
  const map = JSON.parse(document.getElementById("figures").textContent).feeder.map;
  const told = new Map(map.told.map((node, at) => [node, at]));
  const crowd = new Map(map.crowd.map((node, at) => [node, at]));
  const most = Math.max(1, ...map.exported.flat(), ...map.imported.flat());
  const kwh = (wh) => (wh / 1000).toFixed(1).replace("-", "\u2212");
  const signed = (value, digits) => (value > 0 ? "+" : value < 0 ? "\u2212" : "") + Math.abs(value).toFixed(digits);
  const several = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const branch = (node) => (node === 1 ? "transformer" : map.names[node]);

  // Of the slot: how full a branch is in words, and its energy where it may be told.
  const full = (at, node) => {
    if (!map.bands[at]) return "no solution";
    return crowd.has(node) ? `${map.loading[at][crowd.get(node)]}\u00a0%` : map.words[map.bands[at][node - 1]];
  };
  const energy = (at, node) => {
    if (!told.has(node)) return null;
    const of = told.get(node);
    return { out: map.exported[at][of], into: map.imported[at][of], traded: map.traded[at][of] };
  };
  // Beside the line by so many pixels: what was metered on one side of the way, what was traded on the other.
  const arrow = (trace, from, to, wh, at, aside, perX, perY) => {
    const dx = (map.x[to] - map.x[from]) * perX, dy = (map.y[to] - map.y[from]) * perY, length = Math.hypot(dx, dy) || 1;
    // The side that is up, or left of a line that is upright.
    const side = dx > 0 || (dx === 0 && dy > 0) ? aside : -aside;
    const offX = (-dy / length * side) / perX, offY = (dx / length * side) / perY;
    const on = (part) => [map.x[from] + (map.x[to] - map.x[from]) * part + offX, map.y[from] + (map.y[to] - map.y[from]) * part + offY];
    const [tail, head] = [on(at - 0.05), on(at)];
    trace.x.push(tail[0], head[0]);
    trace.y.push(tail[1], head[1]);
    trace.marker.size.push(0, 11 + 13 * Math.sqrt(Math.abs(wh) / most));
  };

  const fill = (figure) => {
    const at = Number(slider.value), bands = map.bands[at], wide = place.clientWidth >= 640 && map.x.length <= 40;
    const marked = (meta) => figure.data.find((trace) => trace.meta === meta);
    const missing = marked("missing");
    const [b0, b1, b2, b3, metered, traded, taken, bare, low, high, asked] = figure.data;
    const lines = [b0, b1, b2, b3];
    for (const trace of figure.data) { trace.x = []; trace.y = []; }
    for (const trace of [metered, traded]) trace.marker.size = [];
    for (const trace of [taken, bare]) Object.assign(trace, { customdata: [], text: [], textposition: [], mode: wide ? "markers+text" : "markers" });
    for (const trace of [taken, bare]) trace.marker.color = [];
    asked.customdata = [];
    const [spanX, spanY] = [map.x, map.y].map((of) => Math.max(...of) - Math.min(...of) || 1);
    // Arrows stand beside the lines: what is drawn is the feeder with a margin, however few arrows there are. A zoom stays.
    [["xaxis", map.x, spanX], ["yaxis", map.y, spanY]].forEach(([name, of, span]) => {
      const middle = (Math.max(...of) + Math.min(...of)) / 2;
      figure.layout[name] = { ...figure.layout[name], range: [middle - 0.58 * span, middle + 0.58 * span] };
    });
    figure.layout.uirevision = "feeder";
    const perX = (place.clientWidth - 60) / spanX, perY = 240 / spanY;
    for (let node = 1; node < map.x.length; node++) {
      const up = map.toward[node], line = bands || !missing ? lines[bands ? Number(bands[node - 1]) : 0] : missing;
      line.x.push(map.x[up], map.x[node], null);
      line.y.push(map.y[up], map.y[node], null);
      const of = energy(at, node);
      if (of) {
        const net = of.out - of.into;
        const ends = (wh) => (wh > 0 ? [node, up] : [up, node]);
        if (net) arrow(metered, ...ends(net), net, 0.55, 14, perX, perY);
        if (of.traded) arrow(traded, ...ends(of.traded), of.traded, 0.55, -12, perX, perY);
      }
      asked.x.push((map.x[up] + map.x[node]) / 2);
      asked.y.push((map.y[up] + map.y[node]) / 2);
      asked.customdata.push(`<b>${branch(node)}</b>, ${several(map.behind[node], "member")} behind it<br>${full(at, node)}${bands ? " full" : ""}` +
        (of ? `<br>metered: ${kwh(of.out)} kWh out, ${kwh(of.into)} kWh in<br>traded, net: ${kwh(Math.abs(of.traded))} kWh ${of.traded < 0 ? "in" : "out"}` : ""));
      const volt = bands ? map.voltage[at][node - 1] : null;
      const bus = map.members[node] ? taken : bare;
      bus.x.push(map.x[node]);
      bus.y.push(map.y[node]);
      bus.text.push(map.buses[node]);
      const upright = Math.abs((map.y[up] - map.y[node]) * perY) > Math.abs((map.x[up] - map.x[node]) * perX);
      bus.textposition.push(upright && node > 1 ? "middle right" : "bottom center");
      bus.marker.color.push(volt === null ? 0 : volt / 10);
      const touched = [["cut", "trades were cut here"], ["held", "sun was held back here"]].filter(([meta]) => map[meta]?.[at].includes(node)).map(([, said]) => `<br>${said}`).join("");
      bus.customdata.push(`<b>bus ${map.buses[node]}</b>, ${several(map.members[node], "member")}${touched}<br>` +
        (volt === null ? "no solution" : `${signed(volt / 10, 1)} %` + (map.base ? ` (${(map.base * (1 + volt / 1000)).toFixed(0)} V)` : "")));
      const ring = volt === null ? null : volt < map.low ? low : volt > map.high ? high : null;
      if (ring) { ring.x.push(map.x[node]); ring.y.push(map.y[node]); }
    }
    for (const meta of ["cut", "held"]) for (const node of map[meta]?.[at] ?? []) {
      marked(meta).x.push(map.x[node]);
      marked(meta).y.push(map.y[node]);
    }
    // An empty trace would lose its line in the legend.
    for (const trace of figure.data) if (!trace.x.length) { trace.x = [null]; trace.y = [null]; }
    figure.layout.annotations = [{ x: map.x[0], y: map.y[0], text: "transformer", showarrow: false, yshift: 10, font: { size: 12 } }];
    if (!bands) figure.layout.annotations.push({
      xref: "paper", yref: "paper", x: 1, y: 1, xanchor: "right", yanchor: "top", showarrow: false, font: { size: 18 }, borderwidth: 2, borderpad: 8, bordercolor: "#D55E00", bgcolor: "rgba(128,128,128,0.25)",
      text: `<b>No power flow</b> in this ${map.word}`,
    });
    figure.layout.meta = at;
  };

  const tell = () => {
    const at = Number(slider.value), rows = [];
    slider.setAttribute("aria-valuetext", map.starts[at]);
    const nodes = map.x.map((_, node) => node).slice(1);
    const size = (node) => (!map.bands[at] ? 0 : crowd.has(node) ? map.loading[at][crowd.get(node)] : [0, 50, 80, 100][map.bands[at][node - 1]]);
    nodes.sort((one, other) => size(other) - size(one) || one - other);
    const shown = nodes.filter((node) => told.has(node) || size(node) >= 50).slice(0, 12);
    for (const node of shown) {
      const of = energy(at, node), row = document.createElement("tr");
      const cells = [branch(node), full(at, node), String(map.behind[node]), ...(of ? [kwh(of.out), kwh(of.into), kwh(of.traded)] : ["\u2013", "\u2013", "\u2013"])];
      cells.forEach((text, column) => {
        const cell = document.createElement(column ? "td" : "th");
        if (column) cell.className = "n"; else cell.scope = "row";
        cell.textContent = text;
        row.append(cell);
      });
      rows.push(row);
    }
    body.replaceChildren(...rows);
    const volts = map.bands[at] ? map.voltage[at] : [];
    const [least, top] = [Math.min(...volts), Math.max(...volts)];
    said.textContent = `${map.starts[at]}: ` + (map.bands[at]
      ? `fullest is ${nodes[0] === 1 ? "the transformer" : `line ${branch(nodes[0])}`}, ${full(at, nodes[0])}; voltages from ${signed(least / 10, 1)} % (${map.buses[volts.indexOf(least) + 1]}) to ${signed(top / 10, 1)} % (${map.buses[volts.indexOf(top) + 1]})${least < map.low || top > map.high ? ", outside the limits" : ""}.`
      : "there is no power flow: more was asked of the feeder than it can bring.") + (map.notes[at] ? ` ${map.notes[at]}` : "");
  };

  window.amendFigure = (name, figure) => { if (name === "feeder") fill(figure); return figure; };
  const show = () => { tell(); window.redrawFigure("feeder"); };
  slider.addEventListener("input", show);
  document.getElementById("feeder-slots").addEventListener("click", (event) => {
    const { by, to } = event.target.dataset;
    if (by === undefined && to === undefined) return;
    slider.value = String(to === undefined ? Number(slider.value) + Number(by) : Number(to));
    show();
  });
  const stripes = document.getElementById("feeder-strip");
  stripes.addEventListener("click", (event) => {
    const { left, width } = stripes.getBoundingClientRect();
    slider.value = String(Math.floor((event.clientX - left) / width * map.starts.length));
    show();
  });
  for (const id of ["feeder-slots", "feeder-key"]) document.getElementById(id).hidden = false;
  document.getElementById("feeder-lines").hidden = false;
  tell();
})();
