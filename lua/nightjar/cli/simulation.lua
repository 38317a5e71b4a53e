-- The shares of routes over time, made of the plans of several moments: the facts, and their text.
-- Pure.

local explanation = require "nightjar.cli.explanation"
local json = require "host.json"
local moment = require "nightjar.cli.moment"
local report = require "nightjar.cli.report"
local route_label = require "nightjar.route_label"

local simulation = {}

---@class cli.Series one route over time
---@field listener string
---@field path string
---@field match? table[] its conditions
---@field columns { cluster: string, service: string, color: string, name: string }[]
---@field rows { at: integer, weights: table, shares: table }[] values in the order of the columns,
---  shares in percent; null where the cluster, or the route, is not in the plan

local function new_series(listener, route)
  return { listener = listener, path = route.path, match = route.match, by_step = {},
    entries = {} }
end

local function note_route(series, step, route)
  local total, weights = 0, {}
  for _, entry in ipairs(route.clusters) do
    total = total + entry.weight
    weights[entry.cluster], series.entries[entry.cluster] = entry.weight, entry
  end
  series.by_step[step] = { weights = weights, total = total }
end

-- All routes of all plans, in the order in which plans have them.
local function collect(steps, listener)
  local list, known = {}, {}
  for i, step in ipairs(steps) do
    for _, one in ipairs(step.plan.listeners) do
      for _, route in ipairs((not listener or one.name == listener) and one.routes or {}) do
        local key = one.name .. "\0" .. route_label.key(route.path, route.match)
        if not known[key] then
          known[key] = new_series(one.name, route)
          list[#list + 1] = known[key]
        end
        note_route(known[key], i, route)
      end
    end
  end
  return list
end

-- Clusters by name; each is called by its color, unless two have the same.
local function columns_of(series)
  local columns, count = json.array {}, {}
  for name, entry in pairs(series.entries) do
    columns[#columns + 1] = { cluster = name, service = entry.service, color = entry.color }
    count[entry.color] = (count[entry.color] or 0) + 1
  end
  table.sort(columns, function(a, b) return a.cluster < b.cluster end)
  for _, column in ipairs(columns) do
    column.name = count[column.color] > 1 and column.cluster or column.color
  end
  return columns
end

local function row_of(at, found, columns)
  local row = { at = at, weights = json.array {}, shares = json.array {} }
  for i, column in ipairs(columns) do
    local weight = found and found.weights[column.cluster]
    row.weights[i] = weight or json.null
    row.shares[i] = weight and found.total > 0 and weight * 100 / found.total or json.null
  end
  return row
end

local function finish(series, steps)
  local columns, rows = columns_of(series), json.array {}
  for i, step in ipairs(steps) do rows[i] = row_of(step.at, series.by_step[i], columns) end
  return { listener = series.listener, path = series.path, match = series.match,
    columns = columns, rows = rows }
end

local function changes(series)
  local first = series.rows[1].shares
  for _, row in ipairs(series.rows) do
    for i, share in ipairs(row.shares) do
      if share ~= first[i] then return true end
    end
  end
  return false
end

-- Those that answer a request, of each listener: Envoy takes the longest path, and goes on to
-- shorter ones for requests that fulfil no conditions there.
local function answering(list, path)
  local floor, kept = {}, json.array {}
  for _, one in ipairs(list) do
    if explanation.answers(one.path, path) and not one.match then
      floor[one.listener] = math.max(floor[one.listener] or 0, #one.path)
    end
  end
  for _, one in ipairs(list) do
    if explanation.answers(one.path, path) and #one.path >= (floor[one.listener] or 0) then
      kept[#kept + 1] = one
    end
  end
  return kept
end

---@param steps { at: integer, plan: table }[] at least one, in the order of time
---@param only { path?: string, listener?: string } without a path: only routes whose shares change
---@return cli.Series[]
function simulation.gather(steps, only)
  local list = json.array {}
  for _, series in ipairs(collect(steps, only.listener)) do
    list[#list + 1] = finish(series, steps)
  end
  if only.path then return answering(list, only.path) end
  local changing = json.array {}
  for _, series in ipairs(list) do
    if changes(series) then changing[#changing + 1] = series end
  end
  return changing
end

local function share_text(share)
  return share == json.null and "      –" or ("%5.1f %%"):format(share)
end

---What a route is called above its table and plot.
---@param series cli.Series
---@return string
function simulation.title(series)
  return report.plain(("%s  %s"):format(series.listener,
    route_label.of(series.path, series.match)))
end

local function series_text(series)
  local lines = { { "time" } }
  for i, column in ipairs(series.columns) do lines[1][i + 1] = report.plain(column.name) end
  for n, row in ipairs(series.rows) do
    local line = { moment.utc(row.at) }
    for i, share in ipairs(row.shares) do line[i + 1] = share_text(share) end
    lines[n + 1] = line
  end
  return simulation.title(series) .. "\n" .. report.columns(lines, "  ")
end

---@param list cli.Series[]
---@param only { path?: string }
---@return string
function simulation.text(list, only)
  if #list == 0 then
    return only.path and ("no route answers %s\n"):format(report.plain(only.path))
      or "no share changes\n"
  end
  local parts = {}
  for i, series in ipairs(list) do parts[i] = series_text(series) end
  return table.concat(parts, "\n")
end

return simulation
