-- What fills the status page: it asks for JSON every few seconds and draws it. All that comes from
-- outside is put in as text, never as markup.

return [==[
"use strict";
const EVERY = 3000, EXPLAIN_EVERY = 15000, CURVE_EVERY = 60000;
const open = new Set();
let explained = null, explainedAt = 0, explainedFor = "", snapshot = null;
let curves = { routes: [] }, curvesAt = 0;

const by = id => document.getElementById(id);

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    if (value !== undefined && value !== null) node.setAttribute(name, value);
  for (const child of children.flat())
    if (child !== undefined && child !== null && child !== "")
      node.append(child instanceof Node ? child : String(child));
  return node;
}

function drawn(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function span(seconds) {
  if (typeof seconds !== "number") return "";
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  for (const [size, unit] of units)
    if (seconds >= size) return Math.floor(seconds / size) + " " + unit;
  return "0 s";
}

const ago = at => at ? span(Date.now() / 1000 - at) : "";
const percent = share => (share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0) + " %";
const color = name => name === "blue" || name === "green" ? name : "other";

async function ask(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error || answer.status);
  return value;
}

// ---- what is going on ----

function fact(name, value, bad) {
  if (value === undefined || value === null || value === "") return null;
  return el("div", {}, el("dt", {}, name), el("dd", { class: bad ? "bad" : null }, value));
}

function showFacts(s) {
  const { in_force: force, pinned, refused } = s.generation;
  const last = s.pass.last, failing = s.stages.filter(one => one.failing);
  by("member").textContent = s.agent.member || "";
  document.title = (s.ready ? "" : "not ready: ") + "nightjar " + (s.agent.member || "");
  const summary = by("summary");
  summary.textContent = s.ready_text;
  summary.className = s.ready ? "good" : "bad";
  by("facts").replaceChildren(...[
    fact("Generation", force ? force.name + ", " + span(force.age_seconds) + " old" : "none",
      !force),
    fact("Pinned", pinned && pinned.name + " since " + pinned.since, true),
    fact("Refused by Envoy", refused && refused.name + ": " + refused.reason, true),
    fact("Last pass", last && last.outcome + ", " + last.seconds + " s, ended " + last.ended,
      last && last.outcome === "failed"),
    fact("Stale services", s.stale.services ? s.stale.services + ", for " + span(s.stale.seconds)
      : "none", s.stale.services > 0),
    fact("Envoy", s.envoy.supervised ? s.envoy.state + " for " + span(s.envoy.seconds)
      : "not started by nightjar", s.envoy.problem),
    fact("Credentials", s.credentials && s.credentials.source + (s.credentials.expires
      ? ", expire in " + span(s.credentials.expires_in_seconds) : ""),
      s.credentials && s.credentials.renewal_failing),
    fact("Calls of AWS a day", s.aws && s.aws.day
      && Math.round(s.aws.day.calls).toLocaleString("en")),
    fact("nightjar", s.agent.version + ", up " + span(s.agent.uptime_seconds)),
    ...failing.map(one => fact("Failing: " + one.stage, one.reason + ", since " + one.since, true)),
  ].filter(Boolean));
  const warnings = s.warnings.current;
  by("warnings").hidden = warnings.length === 0;
  by("warning-list").replaceChildren(...warnings.map(one => el("li", {},
    [one.mesh, one.service].filter(Boolean).join("/") + (one.service || one.mesh ? ": " : ""),
    one.message, el("span", { class: "soft" }, " (" + one.code + ")"))));
}

// ---- listeners and routes ----

function endpointsOf(cluster, mesh) {
  if (!snapshot) return null;
  for (const one of snapshot.meshes) {
    if (mesh && one.name !== mesh) continue;
    const service = one.services.find(other => cluster.cluster === other.name + "@" + one.name);
    if (service) return service;
  }
  return null;
}

function endpointTable(cluster, mesh) {
  const service = endpointsOf(cluster, mesh);
  if (!service) return null;
  const rows = service.instances.filter(one => one.attributes.AWS_INSTANCE_IPV4
    || one.attributes.AWS_INSTANCE_IPV6 || one.attributes.AWS_INSTANCE_CNAME)
    .map(one => el("tr", {},
      el("td", {}, (one.attributes.AWS_INSTANCE_IPV4 || one.attributes.AWS_INSTANCE_IPV6
        || one.attributes.AWS_INSTANCE_CNAME) + (one.attributes.AWS_INSTANCE_PORT
        ? ":" + one.attributes.AWS_INSTANCE_PORT : "")),
      el("td", { class: one.health === "UNHEALTHY" ? "bad" : null }, one.health.toLowerCase()),
      el("td", {}, ago(one.since))));
  return el("div", { class: "scroll", tabindex: "0", role: "group",
    "aria-label": "Endpoints of " + cluster.cluster },
    el("table", {}, el("caption", {}, "Endpoints of " + cluster.cluster
      + (service.stale ? " (stale: " + service.error + ")" : "")),
      el("thead", {}, el("tr", {}, ["Address", "Health", "Since"].map(name =>
        el("th", { scope: "col" }, name)))), el("tbody", {}, rows)));
}

function clusterPart(cluster, mesh) {
  return el("section", {}, el("h5", {}, cluster.color || cluster.service, " ",
    el("span", { class: "soft" }, cluster.cluster + ", weight " + cluster.weight + ", "
      + cluster.endpoints + " endpoints" + (cluster.unhealthy
      ? ", " + cluster.unhealthy + " unhealthy" : ""))),
    el("ol", { class: "chain", "aria-label": "Why its weight is what it is" },
      (cluster.chain || []).map(step => el("li", {}, el("strong", {}, step.by), " ", step.text))),
    endpointTable(cluster, mesh));
}

function split(route) {
  const live = route.clusters.filter(cluster => cluster.share > 0);
  if (live.length === 0) return el("ul", { class: "split" }, el("li", { class: "none" }, "nobody"));
  const list = el("ul", { class: "split", "aria-label": "Split of " + route.path });
  for (const cluster of live) {
    const item = el("li", { class: color(cluster.color) },
      (cluster.color || cluster.service) + " " + percent(cluster.share));
    item.style.width = cluster.share * 100 + "%";
    list.append(item);
  }
  return list;
}

// The curve of a route whose split moves with time alone, such as a ramp.
function curvePart(listener, route) {
  const found = curves.routes.find(one => one.path === route.path && one.listener === listener.name
    && JSON.stringify(one.match) === JSON.stringify(route.match));
  if (!found) return null;
  const width = 600, height = 160, rows = found.rows;
  const first = rows[0].at, last = rows[rows.length - 1].at;
  const x = at => 40 + (at - first) / Math.max(1, last - first) * (width - 50);
  const y = share => height - 25 - share / 100 * (height - 40);
  const title = "How the split of " + route.path + " goes on for two hours";
  const image = drawn("svg", { viewBox: "0 0 " + width + " " + height, role: "img",
    "aria-label": title });
  for (const share of [0, 50, 100]) {
    const label = drawn("text", { x: 0, y: y(share) + 4 });
    label.textContent = share + " %";
    image.append(label);
  }
  found.columns.forEach((column, index) => {
    const points = rows.filter(row => row.shares[index] !== null)
      .map(row => x(row.at).toFixed(1) + "," + y(row.shares[index]).toFixed(1)).join(" ");
    image.append(drawn("polyline", { class: "line " + color(column.color), points }));
  });
  const steps = rows.filter((row, index) => index % Math.ceil(rows.length / 6) === 0);
  return el("figure", {}, image, el("figcaption", { class: "soft" }, title + ": "
    + steps.map(row => new Date(row.at * 1000).toLocaleTimeString() + " "
      + found.columns.map((column, index) => column.name + " "
      + Math.round(row.shares[index] || 0) + " %").join(", ")).join("; ")));
}

function routePart(listener, route) {
  const key = JSON.stringify([listener.name, route.path, route.match]);
  const details = el("details", {}, el("summary", {}, "Why, and where to",
    el("span", { class: "hidden" }, ": " + route.path)),
    (route.why || []).map(line => el("p", { class: "soft" }, line)),
    route.clusters.map(cluster => clusterPart(cluster, listener.mesh)),
    (route.removed || []).map(one => el("p", { class: "soft" }, "Removed: ", one.cluster || "", " ",
      one.text || one.reason || "")));
  details.open = open.has(key);
  details.addEventListener("toggle", () => details.open ? open.add(key) : open.delete(key));
  return el("section", { class: "route" }, el("h4", {}, el("span", { class: "path" }, route.path),
    route.match ? el("span", { class: "soft" }, " if " + JSON.stringify(route.match)) : null, " ",
    el("span", { class: "soft" }, route.service, " ", route.audience)), split(route),
    curvePart(listener, route), details);
}

function showListeners() {
  const listeners = explained.listeners.map(listener => el("article", { class: "listener" },
    el("h3", {}, listener.name, " ", el("span", { class: "soft" }, "port " + listener.port + ", "
      + listener.audience + (listener.mesh ? ", mesh " + listener.mesh : ""))),
    listener.routes.length ? listener.routes.map(route => routePart(listener, route))
      : el("p", { class: "soft" }, "No routes.")));
  by("listener-list").replaceChildren(...listeners);
}

// ---- history ----

function showHistory(history) {
  by("history-list").replaceChildren(...history.generations.map(one => el("li", {},
    el("strong", {}, one.generation), one.in_force ? " (in force)" : "",
    one.pinned ? " pinned" : "", el("span", { class: "soft" }, " "
      + new Date(one.at * 1000).toLocaleString() + ", " + one.cause),
    one.difference.length ? el("ul", {}, one.difference.map(line => el("li", {}, line))) : null)));
}

// ---- again and again ----

async function look() {
  try {
    const status = await ask("/status");
    showFacts(status);
    const force = status.generation.in_force, now = Date.now();
    const name = force ? force.name : "";
    if (force && (name !== explainedFor || now - explainedAt > EXPLAIN_EVERY)) {
      const busy = document.activeElement && by("listener-list").contains(document.activeElement);
      if (!busy || name !== explainedFor || !explained) {
        [explained, snapshot] = [await ask("/explain"), await ask("/snapshot")];
        explainedAt = now;
        explainedFor = name;
        showListeners();
        showHistory(await ask("/history"));
        if (now - curvesAt > CURVE_EVERY) {
          curvesAt = now;
          curves = await ask("/curve");
          if (curves.routes.length) showListeners();
        }
      }
    } else if (!force) {
      by("listener-list").replaceChildren(el("p", {}, "Nothing is in force yet."));
    }
  } catch (problem) {
    const summary = by("summary");
    summary.textContent = "The agent does not answer: " + problem.message;
    summary.className = "bad";
  }
  if (!document.hidden) setTimeout(look, EVERY);
}
document.addEventListener("visibilitychange", () => document.hidden || look());
look();
]==]
