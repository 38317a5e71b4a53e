-- Finds the known word that an unknown one was probably meant to be, for
-- messages such as `unknown flag --servce-port; did you mean --service-port?`.

local nearest = {}

-- Longer words are not typed by hand; the bound keeps the cost of a hostile
-- environment small, since distance() takes the product of both lengths.
local LONGEST = 80

---The least number of single-byte insertions, removals, replacements and swaps
---of neighbours that turn `a` into `b` (optimal string alignment).
---Only the cells near the diagonal can end within `limit`, and most words part
---from each other in their first letters: each start of the program compares
---its whole environment with some 250 names.
---@param a string
---@param b string
---@param limit? integer the largest distance of interest
---@return integer distance; more than `limit` when it is larger, not how much more
function nearest.distance(a, b, limit)
  limit = limit or math.max(#a, #b)
  local far = limit + 1
  local before, previous, current = {}, {}, {}
  for j = 0, #b do previous[j] = j end
  for i = 1, #a do
    local first, last = math.max(1, i - limit), math.min(#b, i + limit)
    local least = far
    current[first - 1] = first == 1 and i or far
    for j = first, last do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local best = math.min((previous[j] or far) + 1, current[j - 1] + 1, previous[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, (before[j - 2] or far) + 1)
      end
      current[j] = best
      if best < least then least = best end
    end
    current[last + 1] = far
    if least > limit and current[0] ~= i then return far end
    before, previous, current = previous, current, before
  end
  return math.min(previous[#b] or far, far)
end

-- The letters that a word has, as a set of bits.
local function letters(word)
  local set = 0
  for i = 1, #word do set = set | 1 << (word:byte(i) & 63) end
  return set
end

-- Whether more letters stand in one of two words alone than `limit` edits leave: each edit takes
-- one letter away, adds one, or both. That is told much sooner than a distance.
local function is_far(one, other, limit)
  local alone = one ~ other
  for _ = 1, 2 * limit do
    if alone == 0 then return false end
    alone = alone & alone - 1
  end
  return alone ~= 0
end

-- A third of the letters may be wrong, and never more than three.
local function tolerance(word)
  return math.min(3, math.max(1, #word // 3))
end

---Makes a list of known words ready for many searches.
---@param known string[]
---@return table prepared for `find`, in the place of the list
function nearest.prepare(known)
  local by_length = {}
  for _, name in ipairs(known) do
    by_length[#name] = by_length[#name] or {}
    table.insert(by_length[#name], { name = name, letters = letters(name) })
  end
  return { by_length = by_length }
end

-- Those of the known words whose length is near.
local function candidates(known, length, limit)
  local list = {}
  for _, name in ipairs(known) do
    if math.abs(#name - length) <= limit then list[#list + 1] = name end
  end
  return nearest.prepare(list).by_length
end

---The known word nearest to `word`, or nil when none is near. Of equally near
---words the first in byte order wins, so that messages are always the same.
---@param word string
---@param known string[]|table a list, or what `prepare` made of one
---@param limit? integer the largest distance that is near (default: a third of it, at most 3)
---@return string? name
---@return integer? distance
function nearest.find(word, known, limit)
  if #word > LONGEST then return nil end
  limit = limit or tolerance(word)
  local found, least
  local own, by_length = letters(word), known.by_length or candidates(known, #word, limit)
  for length = #word - limit, #word + limit do
    for _, one in ipairs(by_length[length] or {}) do
      local far = is_far(own, one.letters, limit) and limit + 1
        or nearest.distance(word, one.name, limit)
      if far <= limit and (not least or far < least or (far == least and one.name < found)) then
        found, least = one.name, far
      end
    end
  end
  return found, least
end

---A half sentence for the end of a message: `; did you mean "x"?`, or nothing.
---@param word string
---@param known string[]
---@param quote? string a format for the name, by default `"%s"`
---@return string
function nearest.hint(word, known, quote)
  local name = nearest.find(word, known)
  if not name then return "" end
  return ("; did you mean %s?"):format((quote or '"%s"'):format(name))
end

return nearest
