// What a program in Go with AWS's SDK costs for the same work: it reads the same mesh, eight calls
// at a time, and renders it with text/template into files of about the same content.
//
// It prints one line of JSON after each pass: its CPU and wall seconds, its calls, how many files
// it wrote, and its memory. With --on-input a pass begins at each line of standard input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// report is what is told of one pass. Memory is in MiB, as the kernel counts it.
type report struct {
	Pass      int     `json:"pass"`
	CPU       float64 `json:"cpu"`
	Wall      float64 `json:"wall"`
	Calls     int64   `json:"calls"`
	Written   int     `json:"written"`
	Bytes     int     `json:"bytes"`
	Resident  float64 `json:"resident"`
	Anonymous float64 `json:"anonymous"`
	Peak      float64 `json:"peak"`
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatalf("peer: getrusage: %v", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// memory reads one field of /proc/self/status, in MiB.
func memory(field string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var kib float64
	if _, rest, found := strings.Cut(string(text), field+":"); found {
		fmt.Sscan(rest, &kib)
	}
	return kib / 1024
}

func onePass(ctx context.Context, number int, from *reader, to *writer) (report, error) {
	started, used, calls := time.Now(), cpuSeconds(), from.calls.Load()
	services, err := from.read(ctx)
	if err != nil {
		return report{}, err
	}
	written, bytes, err := to.publish(viewOf(services, from, to))
	if err != nil {
		return report{}, err
	}
	return report{Pass: number, CPU: cpuSeconds() - used, Wall: time.Since(started).Seconds(),
		Calls: from.calls.Load() - calls, Written: written, Bytes: bytes,
		Resident: memory("VmRSS"), Anonymous: memory("RssAnon"), Peak: memory("VmHWM")}, nil
}

func main() {
	log.SetFlags(0)
	endpoint := flag.String("endpoint", os.Getenv("AWS_ENDPOINT_URL"), "URL of Cloud Map")
	member := flag.String("member", os.Getenv("SERVICE_MEMBER"), "id of the own service")
	folder := flag.String("folder", "", "where the files go")
	port := flag.Int("port", 9000, "port of the listener")
	bundle := flag.String("ca", os.Getenv("AWS_CA_BUNDLE"), "CA of the endpoint, for https")
	attributes := flag.Bool("attributes", false, "read the service-level attributes too")
	passes := flag.Int("passes", 1, "passes to make")
	pause := flag.Duration("pause", 0, "time between two passes")
	onInput := flag.Bool("on-input", false, "make a pass at each line of standard input")
	flag.Parse()
	if *endpoint == "" || *member == "" || *folder == "" {
		log.Fatal("peer: --endpoint, --member and --folder are needed")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	from, err := newReader(*endpoint, *bundle, *member, *attributes)
	if err != nil {
		log.Fatalf("peer: %v", err)
	}
	to, err := newWriter(*folder, *port)
	if err != nil {
		log.Fatalf("peer: %v", err)
	}
	input, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for number := 1; *onInput || number <= *passes; number++ {
		if *onInput && !input.Scan() {
			return
		} else if number > 1 && *pause > 0 {
			time.Sleep(*pause)
		}
		told, err := onePass(ctx, number, from, to)
		if err != nil {
			log.Fatalf("peer: pass %d: %v", number, err)
		}
		if err := out.Encode(told); err != nil {
			log.Fatalf("peer: %v", err)
		}
	}
}
