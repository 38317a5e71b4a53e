-- Writes the manual page nightjar(1) from the commands' own tables, the settings' schema and the
-- signals of docs/supervision.md. `make install` does so; to read it:
--   echo 'io.write(dofile("docs/man.lua")(...))' | lua5.4 - 0.1.0 2026-11-26 /usr/local | man -l -

local main = dofile("docs/commands.lua")
local schema = require "nightjar.settings.schema"

local WIDTH = 78 -- columns of the source, which nobody reads; mandoc complains of longer ones

local lines = {}

local function add(line)
  lines[#lines + 1] = line
end

-- Text as roff takes it literally: any character outside of ASCII by its number, and the dash as
-- the one that can be copied into a shell.
local function plain(text)
  text = text:gsub("\\", "\\e"):gsub("-", "\\-")
  return (text:gsub(utf8.charpattern, function(one)
    if #one > 1 then return ("\\[u%04X]"):format(utf8.codepoint(one)) end
  end))
end

-- A line that begins with a dot or an apostrophe would be a request.
local function add_text(text)
  add((text:gsub("^[.']", "\\&%0")))
end

-- `x` is set in bold, as commands and names are in the sources of this page.
local function marked(text)
  return (plain(text):gsub("`([^`]+)`", "\\fB%1\\fR"))
end

-- A paragraph, a sentence's words filled into lines.
local function add_paragraph(text)
  local line = ""
  for word in marked(text):gmatch("%S+") do
    if line ~= "" and #line + 1 + #word > WIDTH then
      add_text(line)
      line = word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  if line ~= "" then add_text(line) end
end

local function add_term(term, text)
  add(".TP")
  add_text("\\fB" .. plain(term) .. "\\fR")
  add_paragraph(text)
end

local function add_verbatim(text)
  add(".PP")
  add(".nf")
  add(".RS 4")
  local indent = text:match("^ *")
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    add_text(plain(line:sub(1, #indent) == indent and line:sub(#indent + 1) or line))
  end
  add(".RE")
  add(".fi")
end

local function is_verbatim(block)
  return block:match("^ ") ~= nil or block:match("\n ") ~= nil
end

-- What a command tells of itself: paragraphs, and examples and tables that are indented. A
-- paragraph that leads to such a block stands in its first lines.
local function add_details(text)
  for block in (text .. "\n\n"):gmatch("(.-)\n\n+") do
    local head, rest = block, nil
    if is_verbatim(block) then
      head, rest = block:match("^([^ ].-)\n( .*)$")
      if not head then rest = block end
    end
    if head and head ~= "" and head ~= rest then
      add(".PP")
      add_paragraph(head)
    end
    if rest then add_verbatim(rest) end
  end
end

local function flag_text(flag)
  local text = flag.about or ""
  if flag.words then text = ("%s (%s)"):format(text, table.concat(flag.words, ", ")) end
  return text
end

local function add_command(name)
  local command = main.command(name)
  add(".SS " .. plain(name))
  add_paragraph(command.about .. (command.about:match("%p$") and "" or "."))
  add(".PP")
  add_paragraph("Usage: `" .. command.usage .. "`")
  for _, flag in ipairs(command.flags or {}) do
    if not flag.hidden then
      add_term("--" .. flag.name .. (flag.value and " " .. flag.value or ""), flag_text(flag))
    end
  end
  if command.details then add_details(command.details) end
end

local function default_text(entry)
  if entry.default_text then return entry.default_text end
  if entry.data then return ("the installed `%s`"):format(entry.data) end
  if entry.type == "switch" then return "off" end
  return entry.default ~= nil and ("`%s`"):format(tostring(entry.default)) or nil
end

local function add_setting(term, entry)
  local text = entry.about
  if entry.words then text = ("%s: `%s`"):format(text, table.concat(entry.words, "`, `")) end
  if entry.min then
    text = ("%s; %s to %s"):format(text, tostring(entry.min), tostring(entry.max))
  end
  local default = default_text(entry)
  add_term(term, text .. (default and ". Default: " .. default or ""))
end

local function add_settings(of_aws)
  for _, entry in ipairs(schema.entries) do
    if (entry.aws or false) == of_aws then
      add_setting(entry.name .. (entry.alias and " (also " .. entry.alias .. ")" or ""), entry)
    end
    if entry.name == "SERVICE_PORT" and not of_aws then
      add_setting(("NAMESPACE_0 … NAMESPACE_%d"):format(schema.LAST_NAMESPACE), schema.namespace)
      add_setting("NAMESPACE_x_PORT", schema.namespace_port)
    end
  end
end

-- The table below "## Signals".
local function add_signals()
  local file = assert(io.open("docs/supervision.md", "rb"))
  local section = file:read("a"):match("\n## Signals\n(.-)\n## ")
  file:close()
  local count = 0
  for names, text in section:gmatch("\n| (`[^|]*) | ([^|]*) |") do
    add_term(names:gsub("`(%u+%d?)`", "SIG%1"), text)
    count = count + 1
  end
  assert(count > 0, "docs/supervision.md: its table of signals has gone")
end

-- PREFIX is where it is installed.
local FILES = {
  { "TMP_DIR/active-envoy-config/", "what Envoy reads: its bootstrap, clusters, listeners and "
    .. "routes, and `input.json`, from which the templates made them" },
  { "TMP_DIR/nightjar-state/", "what the next agent goes on with: the last snapshot, the last "
    .. "generations that Envoy accepted, and which Envoy runs" },
  { "PREFIX/share/nightjar/policies/, templates/, examples/",
    "what is installed, found beside the folder of the program wherever that is; the next "
    .. "installation replaces it, so copy what you change and set `POLICY_DIR` or "
    .. "`ENVOY_TEMPLATE_DIR`" },
  { "/etc/nightjar/nightjar.env", "settings of nightjar.service, as variables" },
}

local EXAMPLES = {
  { "A first look, without AWS: the installed mesh file on port 8080.", "nightjar run" },
  { "Beside the service-color srv-blue, with a second mesh on port 9090.",
    "SERVICE_MEMBER=srv-blue NAMESPACE_0=partners.example NAMESPACE_0_PORT=9090 nightjar run" },
  { "Why does each color of /shop have the share that it has?", "nightjar explain /shop" },
  { "Try a change of policies on what the agent sees now.",
    "cp -r PREFIX/share/nightjar/policies my-policies\n"
    .. "nightjar record --output now.json\n"
    .. "nightjar diff PREFIX/share/nightjar/policies my-policies --snapshot now.json\n"
    .. "POLICY_DIR=my-policies nightjar check --snapshot now.json" },
  { "Go back to the generation before, and later follow the mesh again.",
    "nightjar rollback\nnightjar resume" },
}

local DESCRIPTION = [[
`nightjar` stands beside an Envoy. It reads a service mesh from AWS Cloud Map, or from a file, lets
policies written in Lua make a plan of it, renders the plan with templates into Envoy's
configuration, publishes the files in an order in which each step is valid, and supervises Envoy.]]

local SETTINGS = [[
Each setting is an environment variable, a flag (`--service-port 8081` for `SERVICE_PORT`) and a key
of a YAML file (`service_port: 8081`) that `--config` or `NIGHTJAR_CONFIG` names. A flag wins over
the environment, the environment over the file, the file over the default. `nightjar config` prints
each value and where it came from. A switch is off for `0`, `false`, `no` or nothing, and on for all
else. Seconds may have a fraction.]]

local AWS = [[
As in every AWS SDK. Keys and tokens are read from the environment only and never from a flag or
file.]]

local STATUS = {
  { "0", "done" }, { "1", "failed; for `diff` there are differences, for `ready` it is not" },
  { "2", "wrong use or wrong settings" },
}

local function section(title)
  add(".SH " .. title)
end

---The page.
---@param version string
---@param date string of the page, as 2026-11-26
---@param prefix string where nightjar is installed
---@return string roff
return function(version, date, prefix)
  lines = {}
  add('.\\" Written by docs/man.lua.')
  add(('.TH NIGHTJAR 1 "%s" "nightjar %s" "User Commands"'):format(date, version))
  add(".nh")
  add(".ad l")
  section("NAME")
  add("nightjar \\- sidecar control plane for Envoy on AWS")
  section("SYNOPSIS")
  add_paragraph("`nightjar` [COMMAND] [flags] [words]")
  section("DESCRIPTION")
  add_paragraph(DESCRIPTION)
  section("COMMANDS")
  add_paragraph("Without a command, `run`. Those that say [settings] take each setting as a flag.")
  for _, name in ipairs(main.commands) do add_command(name) end
  section("SETTINGS")
  add_paragraph(SETTINGS)
  add_settings(false)
  section("AWS SETTINGS")
  add_paragraph(AWS)
  add_settings(true)
  section("SIGNALS")
  add_signals()
  section("FILES")
  for _, one in ipairs(FILES) do add_term(one[1]:gsub("PREFIX", { PREFIX = prefix }), one[2]) end
  section("EXIT STATUS")
  for _, one in ipairs(STATUS) do add_term(one[1], one[2]) end
  section("EXAMPLES")
  for i, one in ipairs(EXAMPLES) do
    if i > 1 then add(".PP") end
    add_paragraph(one[1])
    add_verbatim((one[2]:gsub("PREFIX", { PREFIX = prefix })))
  end
  section("SEE ALSO")
  add_paragraph("envoy(1), systemd.exec(5)")
  return table.concat(lines, "\n") .. "\n"
end
