-- How the status page looks: on a phone and on a wide screen, in the light and in the dark.

return [==[
:root {
  --back: #fff; --raised: #f4f5f7; --text: #1b1f24; --soft: #4d5763; --line: #d3d8de;
  --link: #0550ae; --bad: #a40e26; --bad-back: #ffebe9; --good: #116329;
  --blue: #1f6feb; --green: #1a7f37; --other: #8250df; --on: #fff; --focus: #0550ae;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #0f1318; --raised: #191f27; --text: #e6eaef; --soft: #a9b4c0; --line: #343d48;
    --link: #79b8ff; --bad: #ff9d96; --bad-back: #3a1216; --good: #6fdd8b;
    --blue: #1f6feb; --green: #1a7f37; --other: #8250df; --on: #fff; --focus: #79b8ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; background: var(--back);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0; }
h1 span { color: var(--soft); font-weight: 400; }
h2 { font-size: 1.15rem; margin: 1.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { position: static; }
#summary { margin: .25rem 0; font-weight: 600; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.soft { color: var(--soft); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .5rem 1rem;
  margin: .75rem 0; }
dl div { background: var(--raised); border: 1px solid var(--line); border-radius: .4rem;
  padding: .4rem .6rem; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; }
#warning-list { background: var(--bad-back); border-radius: .4rem; margin: 0;
  padding: .5rem .75rem .5rem 1.75rem; }
.listener { border: 1px solid var(--line); border-radius: .4rem; margin: 0 0 1rem;
  padding: .75rem; }
h4, h5 { font-size: 1rem; margin: .25rem 0; }
.route { border-top: 1px solid var(--line); margin-top: .5rem; padding-top: .5rem; }
.hidden { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; width: 1px; }
summary { cursor: pointer; }
.path { font-family: ui-monospace, monospace; font-weight: 600; }
.split { display: flex; gap: 2px; height: 1.6rem; list-style: none; margin: .4rem 0; padding: 0; }
.split li { background: var(--other); border-radius: .2rem; color: var(--on); flex: 0 1 auto;
  font-size: .85rem; line-height: 1.6rem; min-width: 0; overflow: hidden; padding: 0 .3rem;
  text-overflow: ellipsis; white-space: nowrap; }
.split .blue { background: var(--blue); }
.split .green { background: var(--green); }
.split .none { background: var(--raised); color: var(--text); width: 100%; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .5rem 0; width: 100%; }
caption { color: var(--soft); text-align: left; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem .25rem 0; text-align: left;
  vertical-align: top; }
.chain { font-size: .9rem; margin: .25rem 0; padding-left: 1.25rem; }
button { background: var(--raised); border: 1px solid var(--line); border-radius: .3rem;
  color: var(--text); cursor: pointer; font: inherit; padding: .2rem .6rem; }
figure { margin: .5rem 0; }
svg { background: var(--raised); border-radius: .3rem; height: auto; max-width: 100%; }
svg .line { fill: none; stroke: var(--other); stroke-width: 2; }
svg .blue { stroke: var(--blue); }
svg .green { stroke: var(--green); }
svg .now { stroke: var(--soft); stroke-dasharray: 3 3; }
svg text { fill: var(--text); font-size: 11px; }
#history-list { padding-left: 1.5rem; }
#history-list ul { font-family: ui-monospace, monospace; font-size: .85rem; }
@media (max-width: 30rem) { body { padding: .6rem; } }
@media (prefers-reduced-motion: no-preference) { .split li { transition: width .3s; } }
]==]
