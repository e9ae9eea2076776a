"use strict";

// Draws faults and stall over time, and zooms into them. Bins are the finest there is; a bar of the drawing
// is one bin or several.
(() => {
  const line = JSON.parse(document.getElementById("data").textContent).timeline;
  const canvas = document.querySelector("canvas");
  if (!canvas || line.classes.length === 0) return;

  const BAR_PIXELS = 3;
  const BINS_MIN = 10; // shown at the closest
  const PANELS = line.has_stall ? ["faults", "stall_ns"] : ["faults"];
  const MARGIN = { left: 78, right: 14, top: 26, bottom: 24, between: 52 };

  const bins = line.classes[0].faults.length;
  const end_ns = line.from_ns + line.length_ns;
  const nsAt = (bin) => line.from_ns + bin * line.bin_ns;
  const binOf = (ns) => (ns - line.from_ns) / line.bin_ns;
  const context = canvas.getContext("2d");
  const element = (id) => document.getElementById(id);
  const view = { from: 0, to: bins };
  let width = 0;
  let height = 0;
  let pointer = null; // where it hovers
  let drag = null; // where a selection began

  // Words and numbers.

  const count = (n) => Math.round(n).toLocaleString("en-US");
  const trimmed = (n) => String(Number(n.toPrecision(3)));

  function duration(ns) {
    // As the page says it elsewhere: minutes and seconds, hours and minutes, days and hours.
    for (const [least, unit, name, small, times, smallName] of [
      [86400e9, 86400e9, "d", 3600e9, 24, "h"],
      [3600e9, 3600e9, "h", 60e9, 60, "min"],
      [120e9, 60e9, "min", 1e9, 60, "s"],
    ]) {
      if (ns < least) continue;
      const rest = Math.floor(ns / small) % times;
      return `${count(Math.floor(ns / unit))} ${name}${rest > 0 ? ` ${rest} ${smallName}` : ""}`;
    }
    for (const [unit, name] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]]) {
      if (ns >= unit) return `${ns >= 1e3 * unit ? Math.round(ns / unit) : trimmed(ns / unit)} ${name}`;
    }
    return ns > 0 ? `${Math.round(ns)} ns` : "0";
  }

  // A moment, with as many digits as tell it from another one `step` later.
  function moment(ns, step) {
    const [unit, name] =
      end_ns >= 1e9 ? [1e9, "s"] : end_ns >= 1e6 ? [1e6, "ms"]
        : end_ns >= 1e3 ? [1e3, "µs"] : [1, "ns"];
    const digits = Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9));
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return `${(ns / unit).toLocaleString("en-US", options)} ${name}`;
  }

  // The smallest of 1, 2, 5, 10, 20, … that is no less.
  function nice(least) {
    const magnitude = 10 ** Math.floor(Math.log10(least));
    return [1, 2, 5, 10].find((f) => f * magnitude >= least * 0.999999) * magnitude;
  }

  // What is shown.

  const room = () => width - MARGIN.left - MARGIN.right;
  // A bar is a round time and a whole number of bins.
  function binsPerBar() {
    const least = (view.to - view.from) * line.bin_ns * BAR_PIXELS / Math.max(room(), 1);
    let bar = nice(Math.max(least, line.bin_ns));
    while (bar % line.bin_ns !== 0) bar = nice(bar * 1.1);
    return bar / line.bin_ns;
  }
  const x = (bin) => MARGIN.left + (bin - view.from) / (view.to - view.from) * room();
  const binAt = (pixel) => {
    const share = Math.min(Math.max((pixel - MARGIN.left) / room(), 0), 1);
    return view.from + share * (view.to - view.from);
  };

  function sum(values, from, to) {
    let all = 0;
    for (let bin = Math.max(from, 0); bin < Math.min(to, bins); bin++) all += values[bin];
    return all;
  }

  function show(from, to) {
    const span = Math.min(Math.max(Math.round(to - from), Math.min(BINS_MIN, bins)), bins);
    view.from = Math.min(Math.max(Math.round(from), 0), bins - span);
    view.to = view.from + span;
    draw();
  }

  function zoom(factor, around) {
    const span = (view.to - view.from) * factor;
    const share = (around - view.from) / (view.to - view.from);
    show(around - share * span, around + (1 - share) * span);
  }

  const actions = {
    in: () => zoom(0.5, (view.from + view.to) / 2),
    out: () => zoom(2, (view.from + view.to) / 2),
    left: () => show(view.from - (view.to - view.from) / 3, view.to - (view.to - view.from) / 3),
    right: () => show(view.from + (view.to - view.from) / 3, view.to + (view.to - view.from) / 3),
    all: () => show(0, bins),
  };

  // Drawing.

  function draw() {
    if (width === 0) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const scale = window.devicePixelRatio || 1;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const step = binsPerBar();
    const each = (height - MARGIN.top - MARGIN.bottom - MARGIN.between * (PANELS.length - 1)) / PANELS.length;
    PANELS.forEach((panel, i) => {
      const top = MARGIN.top + i * (each + MARGIN.between);
      drawPanel(panel, top, top + each, step, colour);
    });
    drawEvents(colour);
    drawSelection(colour);
    const [from, to] = [nsAt(view.from), Math.min(nsAt(view.to), end_ns)];
    const precision = (to - from) / 100;
    element("timeline-span").textContent =
      `${moment(from, precision)} to ${moment(to, precision)}; one bar is ${duration(step * line.bin_ns)}`;
  }

  function drawPanel(panel, top, bottom, step, colour) {
    const first = Math.floor(view.from / step) * step;
    const stacks = [];
    for (let bin = first; bin < view.to; bin += step) {
      stacks.push(line.classes.map((series) => sum(series[panel], bin, bin + step)));
    }
    const highest = Math.max(...stacks.map((stack) => stack.reduce((a, b) => a + b, 0)), 1);
    const y = (value) => bottom - value / (highest * 1.05) * (bottom - top);

    context.fillStyle = colour("faint");
    context.textAlign = "left";
    context.textBaseline = "bottom";
    const bar = duration(step * line.bin_ns);
    context.fillText(panel === "faults" ? `faults per ${bar}` : `stall per ${bar}, all threads`, 4, top - 6);
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    const tick = panel === "faults" ? Math.max(nice(highest / 4), 1) : nice(highest / 4);
    for (let value = 0; value <= highest * 1.001; value += tick) {
      context.beginPath();
      context.moveTo(MARGIN.left, Math.round(y(value)) + 0.5);
      context.lineTo(width - MARGIN.right, Math.round(y(value)) + 0.5);
      context.stroke();
      context.fillText(panel === "faults" ? count(value) : duration(value), MARGIN.left - 6, y(value));
    }
    context.textAlign = "center";
    context.textBaseline = "top";
    const span = (view.to - view.from) * line.bin_ns;
    const timeStep = nice(span / Math.max(room() / 110, 1));
    const start = Math.ceil(nsAt(view.from) / timeStep) * timeStep;
    for (let ns = start; ns <= nsAt(view.to); ns += timeStep) {
      const at = Math.round(x(binOf(ns))) + 0.5;
      context.beginPath();
      context.moveTo(at, bottom);
      context.lineTo(at, bottom + 4);
      context.stroke();
      context.fillText(moment(ns, timeStep), Math.min(at, width - 30), bottom + 6);
    }

    context.save();
    context.beginPath();
    context.rect(MARGIN.left, top, room(), bottom - top);
    context.clip();
    stacks.forEach((stack, i) => {
      const left = Math.round(x(first + i * step));
      const right = Math.max(Math.round(x(first + (i + 1) * step)), left + 1);
      let [below, foot] = [0, y(0)];
      stack.forEach((value, level) => {
        if (value === 0) return;
        context.fillStyle = colour(line.classes[level].class);
        below += value;
        // The smallest part still shows: those above it move up, so that none covers another.
        const head = Math.min(y(below), foot - 1);
        context.fillRect(left, head, right - left, foot - head);
        foot = head;
      });
    });
    context.restore();
  }

  // Phases, traces, kills and losses, across all panels.
  function drawEvents(colour) {
    const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
    context.globalAlpha = 0.3;
    context.fillStyle = colour("loud");
    for (const lost of line.losses) {
      const left = Math.max(x(binOf(lost.from_ns)), MARGIN.left);
      const right = Math.min(Math.max(x(binOf(lost.to_ns)), left + 2), width - MARGIN.right);
      if (right > left) context.fillRect(left, top, right - left, bottom - top);
    }
    context.globalAlpha = 1;
    context.textAlign = "left";
    context.textBaseline = "bottom";
    let free = MARGIN.left + 190; // the title of the first panel is there
    const events = [
      ...line.traces.map((event) => ({ ...event, ink: "accent" })),
      ...line.phases.map((event) => ({ ...event, ink: "faint" })),
      ...line.kills.map((event) => ({ ...event, name: "OOM kill", ink: "loud" })),
    ].sort((a, b) => a.time_ns - b.time_ns);
    for (const event of events) {
      const at = Math.round(x(binOf(event.time_ns))) + 0.5;
      if (at < MARGIN.left || at > width - MARGIN.right) continue;
      context.strokeStyle = context.fillStyle = colour(event.ink);
      context.beginPath();
      context.moveTo(at, top);
      context.lineTo(at, bottom);
      context.stroke();
      const wide = context.measureText(event.name).width;
      if (at >= free && at + wide < width) {
        context.fillText(event.name, at, top - 6);
        free = at + wide + 12;
      }
    }
  }

  function drawSelection(colour) {
    if (drag === null || pointer === null) return;
    context.globalAlpha = 0.2;
    context.fillStyle = colour("accent");
    context.fillRect(drag, MARGIN.top, pointer - drag, height - MARGIN.top - MARGIN.bottom);
    context.globalAlpha = 1;
  }

  // What is under the pointer, in words.
  function describe() {
    if (pointer === null) {
      element("timeline-bar").textContent = "";
      return;
    }
    const step = binsPerBar();
    const first = Math.floor(binAt(pointer) / step) * step;
    const [from, to] = [nsAt(first), Math.min(nsAt(first + step), end_ns)];
    const parts = (panel, format) => {
      const sums = line.classes.map((series) => [series.class, sum(series[panel], first, first + step)]);
      const all = sums.reduce((total, [, n]) => total + n, 0);
      const each = sums.filter(([, n]) => n > 0).map(([name, n]) => `${name} ${format(n)}`);
      return format(all) + (each.length > 0 ? ` (${each.join(", ")})` : "");
    };
    const words = [`${moment(from, to - from)} to ${moment(to, to - from)}: faults ${parts("faults", count)}`];
    if (line.has_stall) words.push(`stall ${parts("stall_ns", duration)}`);
    const phase = line.phases.findLast((mark) => mark.time_ns < to);
    if (phase) words.push(`phase ${phase.name}`);
    const inside = (event) => event.time_ns >= from && event.time_ns < to;
    words.push(...line.kills.filter(inside).map((kill) => kill.name));
    const lost = line.losses.filter((loss) => loss.from_ns < to && loss.to_ns >= from);
    if (lost.length > 0) {
      words.push(`records lost between ${moment(lost[0].from_ns, to - from)} and ` +
        `${moment(lost[lost.length - 1].to_ns, to - from)}: ${count(lost.reduce((n, loss) => n + loss.records, 0))}`);
    }
    element("timeline-bar").textContent = words.join("; ");
  }

  function legend() {
    const entries = line.classes.map((series) => [series.class, series.class]);
    const [phases, traces, kills, losses] = line.left_out;
    const others = (name, number, left) => left > 0 ? `${name} (${count(number)} of ${count(number + left)})` : name;
    if (line.phases.length > 0) entries.push(["line", others("a phase begins", line.phases.length, phases)]);
    if (line.traces.length > 0) entries.push(["line", others("a trace begins", line.traces.length, traces)]);
    if (line.kills.length > 0) entries.push(["line", others("OOM kill", line.kills.length, kills)]);
    if (line.losses.length > 0) entries.push(["lost", others("records lost", line.losses.length, losses)]);
    for (const [kind, name] of entries) {
      const entry = document.createElement("span");
      const swatch = document.createElement("i");
      swatch.className = kind;
      entry.append(swatch, name);
      element("timeline-legend").append(entry);
    }
    if (!line.has_stall) element("timeline-legend").append("latencies were not recorded");
  }

  // Hands.

  const pixel = (event) => event.clientX - canvas.getBoundingClientRect().left;

  canvas.addEventListener("pointermove", (event) => {
    pointer = pixel(event);
    describe();
    if (drag !== null) draw();
  });
  canvas.addEventListener("pointerleave", () => {
    if (drag !== null) return;
    pointer = null;
    describe();
  });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    drag = pointer = pixel(event);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag === null) return;
    const ends = [drag, pixel(event)].sort((a, b) => a - b);
    drag = null;
    if (ends[1] - ends[0] >= 5) show(binAt(ends[0]), binAt(ends[1]));
    else draw();
  });
  canvas.addEventListener("pointercancel", () => {
    drag = pointer = null;
    draw();
  });
  canvas.addEventListener("dblclick", actions.all);
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, binAt(pixel(event)));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const keys = { ArrowLeft: "left", ArrowRight: "right", "+": "in", "=": "in", "-": "out", Escape: "all", "0": "all" };
    const action = keys[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    actions[action]();
  });
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", actions[button.dataset.zoom]);
  }
  document.addEventListener("theme", draw);

  element("timeline-view").hidden = false;
  legend();
  new ResizeObserver(() => {
    const scale = window.devicePixelRatio || 1;
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    draw();
  }).observe(canvas);
})();
