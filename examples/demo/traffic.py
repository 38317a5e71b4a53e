"""Requests through the listener, one after the other on kept connections, and who answered them."""

import collections
import http.client
import threading
import time

WINDOW = 5.0     # seconds over which a split is measured
PAUSE = 0.02     # seconds between two requests of one worker
WORKERS = 4
TIMEOUT = 5.0    # seconds for one request


class Traffic:
    """Sends until stopped. `paths` may change at any time; each worker walks through all of them."""

    def __init__(self, port):
        self.port = port
        self.paths = []
        self.requests = self.errors = self.connections = 0
        self.last_error = None
        self._answers = collections.defaultdict(collections.deque)
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(WORKERS)]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._end.set()
        for thread in self._threads:
            thread.join(TIMEOUT + 1)

    def forget(self, path):
        """Measure this path anew: its weights have changed."""
        with self._lock:
            self._answers[path].clear()

    def counts(self, path):
        """How often each cluster answered during the last WINDOW seconds."""
        oldest = time.monotonic() - WINDOW
        with self._lock:
            answers = self._answers[path]
            while answers and answers[0][0] < oldest:
                answers.popleft()
            return collections.Counter(cluster for _, cluster in answers)

    def _work(self):
        connection = None
        while not self._end.is_set():
            for path in list(self.paths):
                connection = self._request(connection, path)
                if self._end.wait(PAUSE):
                    break
            else:
                self._end.wait(0 if self.paths else PAUSE)
        if connection:
            connection.close()

    def _request(self, connection, path):
        """One request. Returns the connection for the next, or None if it is of no more use."""
        try:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
                connection.connect()
                with self._lock:
                    self.connections += 1
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._count(path, None, f"GET {path}: {type(error).__name__}: {error}")
            return None
        if answer.status == 200:
            self._count(path, answer.getheader("x-cluster"), None)
        else:
            text = body.decode("utf-8", "replace").strip()
            self._count(path, None, f"GET {path}: {answer.status} {text}")
        if answer.will_close:
            connection.close()
            return None
        return connection

    def _count(self, path, cluster, error):
        with self._lock:
            self.requests += 1
            if error:
                self.errors += 1
                self.last_error = error
            else:
                self._answers[path].append((time.monotonic(), cluster))
