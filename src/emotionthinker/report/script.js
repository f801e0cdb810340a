"use strict";
for (const figure of document.querySelectorAll("figure.sound")) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const audio = figure.querySelector("audio");
  const lanes = figure.querySelector(".lanes");
  const cursor = figure.querySelector(".cursor");
  const readout = figure.querySelector("output");
  const words = [...figure.querySelectorAll(".words span")];

  const nearest = (times, values, t) => {
    let low = 0, high = times.length - 1;
    while (high - low > 1) { const middle = (low + high) >> 1; if (times[middle] < t) low = middle; else high = middle; }
    return values[Math.abs(times[low] - t) <= Math.abs(times[high] - t) ? low : high];
  };
  const show = (t) => {
    figure.classList.add("live");
    cursor.style.left = `${(t / data.duration) * 100}%`;
    words.forEach((word, i) => word.classList.toggle("now", data.words[i][0] <= t && t < data.words[i][1]));
    const f0 = data.f0.length ? nearest(data.f0_s, data.f0, t) : 0;
    const level = data.level.length ? nearest(data.level_s, data.level, t) : null;
    const parts = [`${t.toFixed(2)} s`, f0 ? `${Math.round(f0)} Hz` : "unvoiced"];
    if (level !== null) parts.push(`${level.toFixed(0).replace("-", "\u2212")} dBFS`);
    readout.textContent = parts.join("   ");
  };
  const timeAt = (event) => {
    const box = lanes.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * data.duration;
  };
  const follow = () => { show(audio.currentTime); if (!audio.paused) requestAnimationFrame(follow); };
  if (audio) {
    audio.addEventListener("play", follow);
    audio.addEventListener("seeked", () => show(audio.currentTime));
    lanes.addEventListener("click", (event) => { audio.currentTime = timeAt(event); });
  }
  lanes.addEventListener("pointermove", (event) => { if (!audio || audio.paused) show(timeAt(event)); });

  const section = figure.closest("section");
  for (const mark of section.querySelectorAll("mark[data-tells]")) {
    const tell = (on) => () => figure.classList.toggle(`tells-${mark.dataset.tells}`, on);
    for (const kind of ["pointerenter", "focus"]) mark.addEventListener(kind, tell(true));
    for (const kind of ["pointerleave", "blur"]) mark.addEventListener(kind, tell(false));
  }
}
for (const mark of document.querySelectorAll("mark")) {
  const place = () => {
    const tip = mark.querySelector(".tip");
    tip.style.left = "0";
    const over = tip.getBoundingClientRect().right - document.documentElement.clientWidth + 12;
    if (over > 0) tip.style.left = `${-over}px`;
  };
  mark.addEventListener("pointerenter", place);
  mark.addEventListener("focus", place);
  mark.addEventListener("keydown", (event) => { if (event.key === "Escape") mark.blur(); });
}
