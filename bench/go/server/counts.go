// Counting: calls by operation, and the bytes and connections of whoever is measured.

package main

import (
	"net"
	"sync"
	"sync/atomic"
)

// totals are what GET /_bench/counts answers.
type totals struct {
	Operations  map[string]int64 `json:"operations"`
	Calls       int64            `json:"calls"`
	BytesIn     int64            `json:"bytes_in"`
	BytesOut    int64            `json:"bytes_out"`
	Connections int64            `json:"connections"`
}

// counter sums over connections. One that asked the control path is the bench's own: it counts
// for nothing.
type counter struct {
	mutex      sync.Mutex
	operations map[string]int64
	live       map[*countedConn]struct{}
	gone       totals // of connections that have ended
}

type countedConn struct {
	net.Conn
	counter *counter
	in, out atomic.Int64
	fresh   bool // opened since the last reset
	control bool
}

func newCounter() *counter {
	return &counter{operations: map[string]int64{}, live: map[*countedConn]struct{}{}}
}

func (c *countedConn) Read(to []byte) (int, error) {
	n, err := c.Conn.Read(to)
	c.in.Add(int64(n))
	return n, err
}

func (c *countedConn) Write(from []byte) (int, error) {
	n, err := c.Conn.Write(from)
	c.out.Add(int64(n))
	return n, err
}

func (c *countedConn) Close() error {
	c.counter.mutex.Lock()
	if _, there := c.counter.live[c]; there {
		delete(c.counter.live, c)
		c.addTo(&c.counter.gone)
	}
	c.counter.mutex.Unlock()
	return c.Conn.Close()
}

// addTo adds what this connection has carried; the counter's mutex is held.
func (c *countedConn) addTo(sum *totals) {
	if c.control {
		return
	}
	sum.BytesIn += c.in.Load()
	sum.BytesOut += c.out.Load()
	if c.fresh {
		sum.Connections++
	}
}

func (c *counter) called(operation string) {
	c.mutex.Lock()
	c.operations[operation]++
	c.mutex.Unlock()
}

func (c *counter) mark(conn *countedConn) {
	c.mutex.Lock()
	conn.control = true
	c.mutex.Unlock()
}

func (c *counter) totals() totals {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	sum := c.gone
	sum.Operations = map[string]int64{}
	for name, number := range c.operations {
		sum.Operations[name] = number
		sum.Calls += number
	}
	for conn := range c.live {
		conn.addTo(&sum)
	}
	return sum
}

func (c *counter) reset() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.gone = totals{}
	c.operations = map[string]int64{}
	for conn := range c.live {
		conn.in.Store(0)
		conn.out.Store(0)
		conn.fresh = false
	}
}

// countedListener counts below TLS: bytes as they are on the wire.
type countedListener struct {
	net.Listener
	counter *counter
}

func (l countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	counted := &countedConn{Conn: conn, counter: l.counter, fresh: true}
	l.counter.mutex.Lock()
	l.counter.live[counted] = struct{}{}
	l.counter.mutex.Unlock()
	return counted, nil
}
