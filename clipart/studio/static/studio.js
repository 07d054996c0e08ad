// The page of the studio. Texts from recipes are set as text, never as HTML.
const $ = (id) => document.getElementById(id);
const state = { about: null, preset: "default", parts: [], begin: null, jobs: [], job: null, at: null, shown: null, kept: null };

function make(tag, values = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(values)) {
    if (key in node && key !== "list") node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

async function ask(path, body) {
  const sent = body === undefined ? {} : {
    method: "POST",
    headers: { "X-Clipart": "1" },
    body: body instanceof Blob ? body : JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(path, sent);
  } catch {
    throw new Error("The studio does not answer. Is `clipart studio` still running?");
  }
  const type = answer.headers.get("content-type") || "";
  const found = type.startsWith("application/json") ? await answer.json() : { error: await answer.text() };
  if (!answer.ok) throw new Error(found.error || "That did not work.");
  return found;
}

function tell(text) {
  $("notice").textContent = text || "";
  $("notice").hidden = !text;
}

function trying(job) {
  return async (...given) => {
    try {
      tell("");
      await job(...given);
    } catch (error) {
      tell(error.message);
    }
  };
}

const percent = (part) => (part === null || part === undefined ? "–" : `${Math.round(part * 100)} %`);

function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

// --- the prompt and its parts ---

let waiting = 0;
async function readPrompt(weights) {
  const turn = ++waiting;
  try {
    const found = await ask("/api/prompt", { prompt: $("prompt").value, ...(weights ? { weights } : {}) });
    if (turn !== waiting) return;
    $("prompt-error").textContent = "";
    if (weights) $("prompt").value = found.prompt;
    state.parts = found.parts;
    showParts(Boolean(weights));
  } catch (error) {
    if (turn === waiting) $("prompt-error").textContent = error.message;
  }
}

function words(part) {
  const nodes = [];
  let end = 0;
  for (const [from, to] of part.spans) {
    nodes.push(part.text.slice(end, from), make("b", {}, part.text.slice(from, to)));
    end = to;
  }
  return [...nodes, part.text.slice(end)];
}

function showParts(keep) {
  if (keep && $("parts").children.length === state.parts.length) return;
  $("parts").replaceChildren(...state.parts.map((part, index) => {
    const number = make("output", {}, String(part.weight));
    const slider = make("input", {
      type: "range", min: Math.min(-2, part.weight), max: Math.max(4, part.weight), step: 0.1,
      "aria-label": `Weight of ${part.text}`,
    });
    slider.value = part.weight;
    slider.addEventListener("input", () => {
      number.textContent = slider.value;
      part.weight = Number(slider.value);
      readPrompt(state.parts.map((each) => each.weight));
    });
    return make("li", {}, make("span", { title: part.text }, ...words(part)), slider, number);
  }));
}

let typing = 0;
$("prompt").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => readPrompt(), 150);
});

// --- presets and settings ---

function showPresets() {
  $("presets").replaceChildren(...state.about.presets.map((preset) => {
    const button = make("input", { type: "radio", name: "preset", value: preset.name, checked: preset.name === state.preset });
    const picture = make("img", { src: `/static/presets/${preset.name}.webp`, alt: "", loading: "lazy" });
    picture.addEventListener("error", () => { picture.removeAttribute("src"); });
    button.addEventListener("change", () => choosePreset(preset.name));
    return make("label", { title: preset.about }, button, picture, make("span", {}, preset.name));
  }));
}

function choosePreset(name) {
  state.preset = name;
  const preset = state.about.presets.find((each) => each.name === name);
  for (const radio of document.querySelectorAll("[name=preset]")) radio.checked = radio.value === name;
  $("preset-about").textContent = preset ? preset.about : "";
  for (const field of document.querySelectorAll("[data-setting]")) {
    const usual = preset?.settings[field.dataset.setting] ?? state.about.settings.find((each) => each.name === field.dataset.setting)?.default ?? "";
    if (field.tagName === "SELECT") field.options[0].textContent = usual ? `${usual} (as it is)` : "as it is";
    else field.placeholder = usual;
  }
}

function knob(setting) {
  const id = `set-${setting.name}`;
  let field;
  if (setting.choices.length && !setting.many) {
    field = make("select", { id }, make("option", { value: "" }, "as it is"), ...setting.choices.map((each) => make("option", { value: each }, each)));
  } else {
    field = make("input", { id, autocomplete: "off" });
    if (setting.kind === "whole" || setting.kind === "number") {
      field.type = "number";
      field.step = setting.kind === "whole" ? 1 : "any";
      const low = setting.ge ?? setting.gt;
      const high = setting.le ?? setting.lt;
      if (low !== undefined) field.min = low;
      if (high !== undefined) field.max = high;
    }
  }
  field.dataset.setting = setting.name;
  field.dataset.many = setting.many ? "1" : "";
  field.setAttribute("aria-describedby", `${id}-about`);
  field.addEventListener("input", countChanged);
  const unit = setting.unit && setting.unit !== "file" ? ` (${setting.unit})` : "";
  return make("div", { className: "knob" },
    make("label", { htmlFor: id }, make("code", {}, setting.name)), field,
    make("p", { className: "hint", id: `${id}-about` }, `${setting.about}${unit}`));
}

function showMore() {
  const groups = new Map();
  for (const setting of state.about.settings) {
    if (setting.name === "steps") continue;
    groups.set(setting.group, [...(groups.get(setting.group) || []), setting]);
  }
  $("more").replaceChildren(...[...groups].flatMap(([name, settings]) => [make("h3", {}, name), ...settings.map(knob)]));
  $("model").replaceChildren(make("option", { value: "" }, "the default"), ...state.about.models.map((each) => make("option", { value: each }, each)));
}

function countChanged() {
  const count = [...document.querySelectorAll("#more [data-setting]")].filter((each) => each.value !== "").length;
  $("changed").textContent = count ? `(${count} changed)` : "";
}

function asked() {
  const settings = {};
  for (const field of document.querySelectorAll("[data-setting]")) {
    const value = field.value.trim();
    if (value !== "") settings[field.dataset.setting] = field.dataset.many ? value.split(";").map((each) => each.trim()) : value;
  }
  if ($("model").value) settings.clip = $("model").value;
  const found = { prompt: $("prompt").value, preset: state.preset, size: $("size").value, settings };
  if ($("seed").value.trim() !== "") found.seed = $("seed").value.trim();
  if (state.begin) found[$("begin-as").value] = state.begin.id;
  return found;
}

function fill(ask) {
  choosePreset("default");
  $("prompt").value = ask.prompt;
  $("size").value = ask.size;
  $("seed").value = ask.seed ?? "";
  for (const field of document.querySelectorAll("[data-setting]")) {
    const value = ask.settings[field.dataset.setting];
    field.value = value === undefined || value === null ? "" : Array.isArray(value) ? value.join(field.dataset.many ? "; " : ",") : String(value);
  }
  countChanged();
  readPrompt();
  view("make");
}

$("die").addEventListener("click", () => { $("seed").value = Math.floor(Math.random() * 2 ** 31); });

// --- a picture to begin with ---

const take = trying(async (file) => {
  if (!file) return;
  const found = await ask("/api/uploads", file);
  state.begin = found;
  $("begin").hidden = false;
  $("begin-picture").src = URL.createObjectURL(file);
  $("begin-words").textContent = found.recipe ? `${found.width} x ${found.height}. Made with: ${found.recipe.prompt}` : `${found.width} x ${found.height}. There is no recipe in it.`;
  $("use-recipe").hidden = !found.recipe;
});

function leaveBegin() {
  state.begin = null;
  $("begin").hidden = true;
  $("file").value = "";
}

$("file").addEventListener("change", () => take($("file").files[0]));
$("no-begin").addEventListener("click", leaveBegin);
$("describe").addEventListener("click", trying(async () => {
  const { id } = state.begin;
  $("begin-words").textContent = "Looking at it, which takes a few seconds.";
  const found = await ask(`/api/uploads/${id}/words`, {});
  if (state.begin?.id === id) $("begin-words").textContent = `It reads ${found.map((each) => `${each.text} ${percent(each.share)}`).join(", ")}.`;
}));
$("use-recipe").addEventListener("click", () => {
  const recipe = state.begin.recipe;
  leaveBegin();
  fill(recipe);
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (kind !== "dragleave") event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files[0]);
  });
}

// --- a run that goes on ---

const begin = trying(async (more = {}) => {
  const count = Math.min(8, Math.max(1, Math.floor(Number($("count-of").value)) || 1));
  const first = asked();
  const made = [];
  for (let k = 0; k < count; k += 1) {
    const seed = k && first.seed !== undefined ? { seed: String(Number(first.seed) + k) } : {};
    made.push(await ask("/api/jobs", { ...first, ...seed, ...more }));
  }
  state.jobs = [...state.jobs.filter((each) => !made.some((job) => job.id === each.id)), ...made];
  choose(made[0].id);
});

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !$("make").hidden) begin();
});

function choose(id, job) {
  state.job = id;
  state.at = null;
  if (job) state.jobs = [...state.jobs.filter((each) => each.id !== id), job];
  $("picture").hidden = true;
  state.kept = null;
  showJob();
  showQueue();
  if (matchMedia("(max-width: 820px)").matches) $("stage").scrollIntoView();
}

const SAID = { queued: "waiting", starting: "loading the models", running: "running", paused: "paused", saving: "saving", done: "done", stopped: "stopped and saved", failed: "failed" };

function showJob() {
  const job = state.jobs.find((each) => each.id === state.job);
  if (!job) return;
  const over = ["done", "stopped", "failed"].includes(job.state);
  $("run").hidden = false;
  $("run").dataset.state = job.state;
  $("run").dataset.run = job.name;
  $("caption").textContent = job.prompt;
  $("bar").value = job.steps ? (100 * job.step) / job.steps : 0;
  const left = job.left !== null && job.left !== undefined ? `, about ${clock(job.left)} left` : "";
  $("status").textContent = `${SAID[job.state]}: step ${job.step} of ${job.steps}, ${clock(job.seconds)}${left}${job.note ? `. ${job.note}` : ""}`;
  $("pause").hidden = over || job.state === "queued" || job.state === "saving";
  $("pause").textContent = job.state === "paused" ? "Continue" : "Pause";
  $("pause").disabled = job.state === "starting";
  $("stop").hidden = over;
  $("stop").textContent = job.state === "queued" ? "Take out of the queue" : "Stop and save";
  $("stop").disabled = job.state === "saving";
  $("go-on").hidden = !(over && job.state !== "done" && job.name);
  $("get-png").hidden = $("get-film").hidden = !(over && job.name && job.state !== "failed");
  $("copy").hidden = !job.command;
  if (job.name) {
    const path = `/api/runs/${encodeURIComponent(job.name)}`;
    $("get-png").href = `${path}/picture.png?download`;
    $("get-film").href = `${path}/film.mp4?download`;
  }
  $("origin").textContent = job.branch ? `A branch of ${job.branch.run} from step ${job.branch.step}.` : "";
  showTimeline(job);
  showPicture(job, over);
  $("matches").replaceChildren(...job.readings.map((each) => make("li", {},
    make("span", {}, each.text),
    make("meter", { min: 0, max: 1, value: each.match || 0, "aria-label": `Match of ${each.text}` }),
    make("output", {}, percent(each.match)))));
  showSteer(job, over);
  $("unknown").textContent = job.unknown.length ? `The model has not met: ${job.unknown.join(", ")}` : "";
  drawCurve(job);
}

// A slider for each part of a run that goes on: what it is moved to counts from the next step on.
function showSteer(job, over) {
  $("steer").hidden = over || job.readings.length < 2 || !["running", "paused"].includes(job.state);
  const shown = `${job.id} ${job.readings.length}`;
  if ($("steer").hidden || $("steers").dataset.shown === shown) return;
  $("steers").dataset.shown = shown;
  const weights = job.readings.map((each) => each.weight);
  $("steers").replaceChildren(...job.readings.map((each, index) => {
    const number = make("output", {}, String(each.weight));
    const slider = make("input", {
      type: "range", min: Math.min(each.weight < 0 ? -4 : 0, each.weight), max: Math.max(each.weight > 0 ? 4 : 0, each.weight), step: 0.1,
      "aria-label": `Weight of ${each.text} from here on`,
    });
    slider.value = each.weight;
    slider.addEventListener("input", () => { number.textContent = slider.value; });
    slider.addEventListener("change", trying(async () => {
      weights[index] = Number(slider.value);
      await ask(`/api/jobs/${job.id}/weights`, { weights });
    }));
    return make("li", {}, make("span", { title: each.text }, each.text), slider, number);
  }));
}

function showTimeline(job) {
  const moments = job.moments;
  $("time").hidden = moments.length < 2;
  const line = $("timeline");
  line.max = Math.max(0, moments.length - 1);
  if (state.at === null) line.value = line.max;
  else line.value = moments.filter((each) => each <= state.at).length - 1;
  const step = state.at ?? job.step;
  $("moment").textContent = state.at === null ? `now, step ${step}` : `step ${step}`;
  line.setAttribute("aria-valuetext", $("moment").textContent);
  $("branch").disabled = !job.name || moments.length < 2;
  $("branch").textContent = `Branch from step ${step}`;
}

let loading = null; // one picture is on its way at a time; those between are left out
function showPicture(job, over) {
  if (!job.shown && !(over && job.name)) {
    $("empty").hidden = false;
    $("empty").textContent = job.state === "failed" ? job.note : "The first picture comes in a few seconds.";
    return;
  }
  let source = `/api/jobs/${job.id}/picture?shown=${job.shown}`;
  if (state.at !== null) source = `/api/jobs/${job.id}/picture?step=${state.at}`;
  else if (over && job.name && job.state !== "failed") source = `/api/runs/${encodeURIComponent(job.name)}/picture.png`;
  if (state.kept === source || loading) return;
  loading = source;
  const next = new Image();
  const done = () => {
    loading = null;
    const now = state.jobs.find((each) => each.id === state.job);
    if (now && now.id !== job.id) { showJob(); return; }
    showJob();
  };
  next.onload = () => {
    if (state.job === job.id) {
      $("picture").src = next.src;
      $("picture").dataset.shown = job.shown;
      $("picture").alt = `${job.prompt}, after step ${state.at ?? job.step}`;
      $("picture").hidden = false;
      $("empty").hidden = true;
      state.kept = source;
    }
    done();
  };
  next.onerror = () => {
    state.kept = source;
    done();
  };
  next.src = source;
}

function drawCurve(job) {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const points = job.curve.map(([step, match]) => `${(300 * step) / Math.max(1, job.steps)},${100 - 98 * match}`);
  line.setAttribute("points", points.join(" "));
  $("curve").replaceChildren(line);
  const last = job.curve.at(-1);
  $("curve").setAttribute("aria-label", last ? `Least match over the steps: ${percent(last[1])} at step ${last[0]}` : "Least match over the steps");
}

$("timeline").addEventListener("input", () => {
  const job = state.jobs.find((each) => each.id === state.job);
  const index = Number($("timeline").value);
  state.at = index >= job.moments.length - 1 ? null : job.moments[index];
  showJob();
});
const order = (what) => trying(async () => { await ask(`/api/jobs/${state.job}/${what()}`, {}); });
$("pause").addEventListener("click", order(() => ($("run").dataset.state === "paused" ? "go" : "pause")));
$("stop").addEventListener("click", order(() => "stop"));
$("branch").addEventListener("click", () => {
  const job = state.jobs.find((each) => each.id === state.job);
  begin({ from: { run: job.name, step: state.at ?? job.step }, init: null });
});
const resume = trying(async (name) => {
  const job = await ask(`/api/runs/${encodeURIComponent(name)}/resume`, {});
  view("make");
  choose(job.id, job);
});
$("go-on").addEventListener("click", () => resume($("run").dataset.run));
const copy = (text) => trying(async () => {
  await navigator.clipboard.writeText(text());
  tell(`Copied: ${text()}`);
});
$("copy").addEventListener("click", copy(() => state.jobs.find((each) => each.id === state.job).command));

function showQueue() {
  $("queue-box").hidden = state.jobs.length < 2;
  $("queue").replaceChildren(...[...state.jobs].reverse().map((job) => {
    const picture = job.shown ? make("img", { src: `/api/jobs/${job.id}/picture?small=${job.state}`, alt: "" }) : make("i");
    const button = make("button", { type: "button", "aria-pressed": String(job.id === state.job) },
      picture, make("div", {}, make("span", {}, job.prompt), make("small", {}, SAID[job.state])));
    button.addEventListener("click", () => choose(job.id));
    return make("li", {}, button);
  }));
}

let queueAs = "";
function listen() {
  const source = new EventSource("/api/jobs");
  source.onmessage = (event) => {
    state.jobs = JSON.parse(event.data);
    if (!state.job && state.jobs.length) state.job = state.jobs.at(-1).id;
    showJob();
    const now = state.jobs.map((each) => `${each.id}${each.state}${each.id === state.job}`).join();
    if (now !== queueAs) showQueue();
    queueAs = now;
  };
}

// --- the gallery ---

const showRuns = trying(async () => {
  const words = $("search").value;
  const runs = await ask(`/api/runs?q=${encodeURIComponent(words)}`);
  if (words !== $("search").value) return;
  $("count").textContent = runs.length === 1 ? "1 run" : `${runs.length} runs`;
  $("sheet").href = `/api/sheet?q=${encodeURIComponent(words)}`;
  $("runs").replaceChildren(...runs.map((run) => {
    const picture = run.picture ? make("img", { src: `/api/runs/${encodeURIComponent(run.name)}/picture.png?${run.time}`, alt: "", loading: "lazy" }) : make("i");
    const button = make("button", { type: "button" }, picture, make("span", {}, run.prompt), make("small", {}, `${run.size}, seed ${run.seed}${run.picture ? "" : ", no picture yet"}`));
    button.addEventListener("click", () => open(run));
    return make("li", {}, button);
  }));
});

const open = trying(async (run) => {
  const path = `/api/runs/${encodeURIComponent(run.name)}`;
  const found = await ask(path);
  state.shown = { ...found, moments: [], at: null };
  $("shown-title").textContent = run.prompt;
  $("shown-picture").src = found.files.includes("picture.png") ? `${path}/picture.png` : "";
  $("shown-picture").alt = run.prompt;
  $("shown-origin").textContent = found.branch ? `${run.name}. A branch of ${found.branch.run} from step ${found.branch.step}.` : run.name;
  const names = found.files.filter((each) => each.startsWith("picture."));
  const films = ["mp4", "webm", "gif", "apng", "webp"];
  $("files").replaceChildren(
    ...names.map((each) => make("a", { className: "button", href: `${path}/${each}?download`, download: "" }, each.split(".")[1].toUpperCase())),
    ...films.map((each) => make("a", { className: "button", href: `${path}/film.${each}?download`, download: "" }, `Film ${each}`)),
    make("a", { className: "button", href: `${path}/recipe.toml?download`, download: "" }, "Recipe"));
  $("recipe").textContent = found.recipe;
  $("film").hidden = !found.files.includes("video.mp4");
  $("film").src = found.files.includes("video.mp4") ? `${path}/video.mp4` : "";
  $("shown-resume").hidden = !found.resumable;
  for (const each of document.querySelectorAll(".makes button:not(#shown-copy)")) each.disabled = !state.about.makes;
  showCompare();
  $("shown").showModal();
  try {
    state.shown.moments = await ask(`${path}/moments`);
  } catch {
    state.shown.moments = [];
  }
  $("shown-timeline").max = Math.max(0, state.shown.moments.length - 1);
  $("shown-timeline").value = $("shown-timeline").max;
  showMoment();
});

function showMoment() {
  const { moments, name } = state.shown;
  const index = Number($("shown-timeline").value);
  const step = moments[index];
  $("shown-branch").disabled = step === undefined || !state.about.makes;
  $("shown-moment").textContent = step === undefined ? "" : `step ${step}`;
  $("shown-timeline").disabled = moments.length < 2;
  state.shown.at = step;
  if (step !== undefined && index < moments.length - 1) $("shown-picture").src = `/api/runs/${encodeURIComponent(name)}/moments?step=${step}`;
  else if (state.shown.files.includes("picture.png")) $("shown-picture").src = `/api/runs/${encodeURIComponent(name)}/picture.png`;
}

$("shown-timeline").addEventListener("input", () => {
  const step = state.shown.moments[Number($("shown-timeline").value)];
  $("shown-moment").textContent = `step ${step}`;
});
$("shown-timeline").addEventListener("change", showMoment);
$("close").addEventListener("click", () => $("shown").close());
$("shown").addEventListener("close", () => { $("film").removeAttribute("src"); $("film").load(); });
$("shown-use").addEventListener("click", () => { $("shown").close(); fill(state.shown.ask); });
$("shown-resume").addEventListener("click", () => { $("shown").close(); resume(state.shown.name); });
$("shown-branch").addEventListener("click", () => {
  const { name, at } = state.shown;
  $("shown").close();
  view("make");
  begin({ from: { run: name, step: at }, init: null });
});
$("shown-like").addEventListener("click", () => {
  const { name, ask: made } = state.shown;
  $("shown").close();
  fill({ ...made, seed: "" });
  begin({ like: name, init: null });
});

// Two pictures over one another, of which a slider shows one or the other.
$("shown-compare").addEventListener("click", () => {
  const { name } = state.shown;
  state.compare = state.compare?.name === name ? null : { name, title: $("shown-title").textContent, src: $("shown-picture").src };
  showCompare();
  if (state.compare) $("shown").close();
});
function showCompare() {
  const other = state.compare && state.compare.name !== state.shown.name ? state.compare : null;
  $("comparing").hidden = $("compare-picture").hidden = !other;
  $("shown-compare").textContent = state.compare?.name === state.shown.name ? "Compare no more" : "Compare with another";
  if (!other) return;
  $("compare-picture").src = other.src;
  $("compare-picture").alt = other.title;
  $("compare-title").textContent = other.title;
  cut();
}
function cut() {
  $("compare-picture").style.clipPath = `inset(0 ${100 - Number($("compare-at").value)}% 0 0)`;
}
$("compare-at").addEventListener("input", cut);

$("shown-copy").addEventListener("click", () => { copy(() => state.shown.command)(); $("shown").close(); });
let searching = 0;
$("search").addEventListener("input", () => {
  clearTimeout(searching);
  searching = setTimeout(showRuns, 150);
});

function view(name) {
  $("make").hidden = name !== "make";
  $("gallery").hidden = name !== "gallery";
  for (const each of ["make", "gallery"]) {
    if (each === name) $(`to-${each}`).setAttribute("aria-current", "page");
    else $(`to-${each}`).removeAttribute("aria-current");
  }
  if (name === "gallery") showRuns();
}
$("to-make").addEventListener("click", () => view("make"));
$("to-gallery").addEventListener("click", () => view("gallery"));

const start = trying(async () => {
  state.about = await ask("/api/about");
  if (!state.about.makes) {
    $("to-make").hidden = true;
    view("gallery");
    return;
  }
  showPresets();
  showMore();
  choosePreset("default");
  readPrompt();
  listen();
});
start();
