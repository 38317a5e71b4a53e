-- What the status page consists of, before its script fills it.

return [==[
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>nightjar</title>
<link rel="icon" href="data:,">
<style>@style@</style>
</head>
<body>
<a class="skip" href="#listeners">Skip to listeners</a>
<header>
  <h1>nightjar <span id="member"></span></h1>
  <p id="summary" role="status">Reading&hellip;</p>
  <dl id="facts"></dl>
</header>
<main>
  <section aria-labelledby="warnings-title" id="warnings" hidden>
    <h2 id="warnings-title">Warnings</h2>
    <ul id="warning-list"></ul>
  </section>
  <section aria-labelledby="listeners-title" id="listeners" tabindex="-1">
    <h2 id="listeners-title">Listeners</h2>
    <div id="listener-list"><p>Reading&hellip;</p></div>
  </section>
  <section aria-labelledby="history-title">
    <h2 id="history-title">History</h2>
    <ol id="history-list" reversed></ol>
  </section>
</main>
<footer>
  <p>As JSON: <a href="/status">status</a> <a href="/explain">explain</a> <a href="/plan">plan</a>
  <a href="/snapshot">snapshot</a> <a href="/history">history</a>; <a href="/metrics">metrics</a>
  for Prometheus; <a href="/ready">ready</a> and <a href="/live">live</a>.</p>
</footer>
<noscript><p>This page needs JavaScript. The links above do not.</p></noscript>
<script>@script@</script>
</body>
</html>
]==]
