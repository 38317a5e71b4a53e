-- States of yaml_lexer.lua: what kind of place in YAML text has been come to.
--
-- They keep just enough to say how a value must be written where a tag stands, and what a scalar
-- needs that is made of text and values. States are small tables that never change, named by
-- `key`; equal states have equal keys. Their fields:
--   mode    start: a token may begin         plain: within a bare scalar
--           more: within a bare scalar that goes on from the line before
--           mark: behind a - ? : --- or ... of which the next character tells whether it is a sign
--           colon: behind a quoted scalar and a colon at the end of the text
--           double, single: within quotes    after: behind a quoted scalar, alias or bracket
--           word: anchor, alias, tag         comment, directive
--           head, block: block scalars, the line of | or > and what is below it
--   flow    how many brackets are open
--   parent  column of the innermost block collection, -1 at the top
--   column  column come to (start, block) or where the scalar under way began
--   fresh   nothing but white space on this line yet
--   goes_on the line before ended within a bare scalar
--   indent  column of a block scalar's text, -1 while unknown
--   last    the last character, where the next one's meaning hangs on it
-- `role` is the mode that a value meets, which may begin something where text only could.

-- The mode that a value finds.
local function role_of(state)
  if state.mode == "start" and state.goes_on and state.fresh
    and (state.flow > 0 or state.column > state.parent) then
    return "more"
  elseif state.mode == "block" and state.fresh then
    local limit = state.indent >= 0 and state.indent or state.parent + 1
    return state.column >= limit and "block" or "start"
  end
  return state.mode
end

-- Makes a state of a cursor, with only the fields that matter in its mode.
local function freeze(cursor)
  local mode = cursor.mode
  local state = { mode = mode, flow = cursor.flow, parent = cursor.parent, column = cursor.column,
    fresh = cursor.fresh, goes_on = cursor.goes_on, indent = cursor.indent, last = cursor.last }
  if mode ~= "start" and mode ~= "block" then
    state.fresh, state.goes_on = false, false
  end
  if mode ~= "block" and mode ~= "head" then
    state.indent = -1
  end
  if state.flow > 0 or mode == "comment" or mode == "directive" or mode == "head"
    or mode == "block" and not state.fresh then
    state.column = 0
  end
  if mode == "start" or mode == "comment" or mode == "directive" or mode == "block" then
    state.last = ""
  end
  state.key = ("%s %d %d %d %s %d %s"):format(mode, state.flow, state.parent, state.column,
    (state.fresh and "f" or "") .. (state.goes_on and "g" or ""), state.indent, state.last)
  state.role = role_of(state)
  return state
end

--- The state at the start of a document.
---@return table state
local function start()
  return freeze({ mode = "start", flow = 0, parent = -1, column = 0, fresh = true,
    goes_on = false, indent = -1, last = "" })
end

--- The state behind a value that was written in a state.
---@param state table
---@return table state
local function behind_value(state)
  local role = state.role
  local next_state = { mode = role, flow = state.flow, parent = state.parent,
    column = state.column, fresh = false, goes_on = false, indent = state.indent,
    last = state.last }
  if role == "start" or role == "mark" then
    next_state.mode, next_state.last = "plain", "x"
  elseif role == "plain" or role == "more" or role == "double" or role == "single" then
    next_state.last = "x"
  elseif role == "block" and next_state.indent < 0 then
    next_state.indent = state.column
  end
  return freeze(next_state)
end

return { freeze = freeze, start = start, behind_value = behind_value }
