// A fast endpoint of our own that speaks Cloud Map's JSON 1.1 for a generated mesh. It checks no signature.
//
// It prints one line of JSON once it listens: {endpoint, namespace, name, member, ca}. Besides the
// operations, it answers to whoever measures:
//
//	GET  /_bench/counts         calls by operation, bytes and connections since the last reset
//	POST /_bench/reset          counts from nought
//	POST /_bench/change         moves one instance; answers which and where to
//	GET  /_bench/told           when somebody was first told of it, in seconds since 1970
//	POST /_bench/latency?ms=N   time that passes before each answer from now on
//
// The standard library is all it needs, and what Debian 12's Go (1.19) knows of it.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	targetPrefix = "Route53AutoNaming_v20170314."
	bodyLimit    = 1 << 20
	sleepers     = 32
)

type server struct {
	mesh    *mesh
	counter *counter
	latency atomic.Int64 // nanoseconds
}

type connKey struct{}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_bench/") {
		s.control(w, r)
		return
	}
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	var given input
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit))
	if err == nil {
		err = json.Unmarshal(body, &given)
	}
	s.counter.called(name)
	if latency := s.latency.Load(); latency > 0 {
		pause(time.Duration(latency))
	}
	answer, wrong := s.answer(name, &given, err)
	if wrong != nil {
		answer = encode(map[string]string{"__type": wrong.code, "Message": wrong.message})
	}
	header := w.Header()
	header["Content-Type"] = []string{"application/x-amz-json-1.1"}
	header["Content-Length"] = []string{strconv.Itoa(len(answer))}
	header["X-Amzn-Requestid"] = []string{"00000000-0000-0000-0000-000000000000"}
	if wrong != nil {
		w.WriteHeader(wrong.status)
	}
	w.Write(answer)
}

// pause sleeps in the kernel: the runtime's own timers are up to a millisecond late.
func pause(length time.Duration) {
	for end := time.Now().Add(length); length > 0; length = time.Until(end) {
		rest := syscall.NsecToTimespec(int64(length))
		syscall.Nanosleep(&rest, nil) // a signal may end it early
	}
}

func (s *server) answer(name string, given *input, err error) ([]byte, *problem) {
	if err != nil {
		return nil, &problem{400, "InvalidInput", err.Error()}
	}
	call := operations[name]
	if call == nil {
		return nil, &problem{400, "UnknownOperationException", name}
	}
	return call(s.mesh, given)
}

func (s *server) control(w http.ResponseWriter, r *http.Request) {
	if conn, ok := r.Context().Value(connKey{}).(*countedConn); ok {
		s.counter.mark(conn)
	}
	var answer any = struct{}{}
	switch r.Method + " " + strings.TrimPrefix(r.URL.Path, "/_bench/") {
	case "GET counts":
		answer = s.counter.totals()
	case "POST reset":
		s.counter.reset()
	case "POST change":
		answer = s.mesh.change()
	case "GET told":
		answer = map[string]float64{"at": float64(s.mesh.told.Load()) / 1e9}
	case "POST latency":
		ms, err := strconv.ParseFloat(r.URL.Query().Get("ms"), 64)
		if err != nil || ms < 0 {
			http.Error(w, "ms: expected a number", http.StatusBadRequest)
			return
		}
		s.latency.Store(int64(ms * float64(time.Millisecond)))
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(encode(answer), '\n'))
}

// listen opens the port and, with a certificate, speaks TLS on it.
func listen(address, folder string, count *counter) (net.Listener, string, error) {
	plain, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", err
	}
	counted := countedListener{plain, count}
	if folder == "" {
		return counted, "http://" + plain.Addr().String(), nil
	}
	pair, err := certificate(folder)
	if err != nil {
		return nil, "", err
	}
	config := &tls.Config{Certificates: []tls.Certificate{*pair}, NextProtos: []string{"http/1.1"}}
	return tls.NewListener(counted, config), "https://" + plain.Addr().String(), nil
}

// counted finds the connection that is counted, below TLS or not.
func counted(conn net.Conn) net.Conn {
	if secure, ok := conn.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return conn
}

func main() {
	log.SetFlags(0)
	var wanted size
	flag.IntVar(&wanted.services, "services", 20, "services of the mesh")
	flag.IntVar(&wanted.colors, "colors", 2, "colours of each service")
	flag.IntVar(&wanted.instances, "instances", 3, "instances of each colour")
	latency := flag.Duration("latency", 0, "time before each answer, as 5ms")
	address := flag.String("listen", "127.0.0.1:0", "address and port; port 0: any")
	secure := flag.Bool("tls", false, "speak TLS, with a certificate of a CA of its own")
	folder := flag.String("folder", "", "where --tls writes ca.pem and cert.pem")
	closing := flag.Bool("close", false, "close each connection after one answer")
	idle := flag.Duration("idle", 0, "end a connection that has rested for so long; 0: never")
	flag.Parse()
	if wanted.services < 1 || wanted.colors < 1 || wanted.instances < 1 {
		log.Fatal("server: expected at least one service, colour and instance")
	}
	if *secure != (*folder != "") {
		log.Fatal("server: --tls and --folder go together")
	}

	runtime.GOMAXPROCS(sleepers) // who sleeps in the kernel keeps a processor's place for a while
	one := &server{mesh: newMesh(wanted), counter: newCounter()}
	one.latency.Store(int64(*latency))
	listener, endpoint, err := listen(*address, *folder, one.counter)
	if err != nil {
		log.Fatalf("server: %v", err)
	}
	told := map[string]string{"endpoint": endpoint, "namespace": one.mesh.id, "name": meshName,
		"member": one.mesh.services[0].id}
	if *folder != "" {
		told["ca"] = filepath.Join(*folder, "ca.pem")
	}
	fmt.Fprintf(os.Stdout, "%s\n", encode(told))
	http1 := &http.Server{Handler: one, IdleTimeout: *idle,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, counted(conn))
		}}
	http1.SetKeepAlivesEnabled(!*closing)
	log.Fatal(http1.Serve(listener))
}
