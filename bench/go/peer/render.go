// From what was read to files: clusters, routes and listeners, of about the content that
// nightjar's templates make. Only a file that changed is written.

package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"text/template"

	"github.com/aws/aws-sdk-go-v2/service/servicediscovery/types"
)

//go:embed templates/*.tmpl
var sources embed.FS

const settingsID = "service-settings"

type endpoint struct {
	Address string
	Port    int
}

type cluster struct {
	Name      string
	Endpoints []endpoint
}

type share struct {
	Name   string
	Weight int
}

type route struct {
	Path   string
	Shares []share
}

type view struct {
	Listener   string
	Port       int
	RoutesFile string
	Clusters   []cluster
	Routes     []route
}

// settingsOf tells the attributes of a service-colour from its endpoints: those of the settings'
// instance, over which the service-level ones go.
func settingsOf(read reading) (map[string]string, []types.HttpInstanceSummary) {
	settings, instances := map[string]string{}, []types.HttpInstanceSummary{}
	for _, one := range read.instances {
		if one.InstanceId != nil && *one.InstanceId == settingsID {
			for key, value := range one.Attributes {
				settings[key] = value
			}
		} else if one.HealthStatus != types.HealthStatusUnhealthy {
			instances = append(instances, one)
		}
	}
	for key, value := range read.attributes {
		settings[key] = value
	}
	return settings, instances
}

func endpointsOf(instances []types.HttpInstanceSummary) []endpoint {
	var endpoints []endpoint
	for _, one := range instances {
		port, err := strconv.Atoi(one.Attributes["AWS_INSTANCE_PORT"])
		if address := one.Attributes["AWS_INSTANCE_IPV4"]; err == nil && address != "" {
			endpoints = append(endpoints, endpoint{address, port})
		}
	}
	sort.Slice(endpoints, func(a, b int) bool {
		if endpoints[a].Address != endpoints[b].Address {
			return endpoints[a].Address < endpoints[b].Address
		}
		return endpoints[a].Port < endpoints[b].Port
	})
	return endpoints
}

// addShares adds the weights of one service-colour to the routes that its settings name.
func addShares(routes map[string][]share, name string, settings map[string]string) {
	for key, value := range settings {
		path := strings.TrimPrefix(key, "?")
		weight, err := strconv.Atoi(value)
		if err == nil && strings.HasPrefix(path, "/") {
			routes[path] = append(routes[path], share{name, weight})
		}
	}
}

// viewOf is the templates' input: the mesh as the own service sees it, sorted.
func viewOf(services []reading, from *reader, to *writer) view {
	made := view{Listener: to.listener, Port: to.port, RoutesFile: to.path(to.routesFile())}
	routes, mine := map[string][]share{}, ""
	sort.Slice(services, func(a, b int) bool { return services[a].name < services[b].name })
	for _, one := range services {
		if one.name == from.own {
			settings, _ := settingsOf(one)
			mine = settings["SERVICE"]
		}
	}
	for _, one := range services {
		settings, instances := settingsOf(one)
		endpoints := endpointsOf(instances)
		if settings["SERVICE"] == mine || len(endpoints) == 0 {
			continue
		}
		name := settings["SERVICE"] + "-" + settings["COLOR"] + "@" + from.httpName
		made.Clusters = append(made.Clusters, cluster{name, endpoints})
		addShares(routes, name, settings)
	}
	for path, shares := range routes {
		made.Routes = append(made.Routes, route{path, shares})
	}
	sort.Slice(made.Routes, func(a, b int) bool {
		x, y := made.Routes[a].Path, made.Routes[b].Path
		if len(x) != len(y) {
			return len(x) > len(y)
		}
		return x < y
	})
	return made
}

// writer renders into a folder and knows what it wrote there.
type writer struct {
	folder, listener string
	port             int
	templates        *template.Template
	written          map[string][sha256.Size]byte
}

func toJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

func newWriter(folder string, port int) (*writer, error) {
	parsed, err := template.New("").Funcs(template.FuncMap{"json": toJSON}).
		ParseFS(sources, "templates/*.tmpl")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(folder, "rds"), 0o755); err != nil {
		return nil, err
	}
	return &writer{folder: folder, port: port, listener: "private-" + strconv.Itoa(port),
		templates: parsed, written: map[string][sha256.Size]byte{}}, nil
}

func (w *writer) path(name string) string {
	return filepath.Join(w.folder, name)
}

func (w *writer) routesFile() string {
	return "rds/" + w.listener + ".json"
}

// publish renders all files and writes those that changed; it tells how many that were, and how
// many bytes all of them hold.
func (w *writer) publish(made view) (written, size int, err error) {
	for _, one := range [][2]string{{"cds.json.tmpl", "cds.json"},
		{"rds.json.tmpl", w.routesFile()}, {"lds.json.tmpl", "lds.json"}} {
		var text bytes.Buffer
		if err := w.templates.ExecuteTemplate(&text, one[0], made); err != nil {
			return written, size, err
		}
		sum := sha256.Sum256(text.Bytes())
		fmt.Fprintf(&text, ",\n  \"version_info\": \"%x\"\n}\n", sum[:8])
		size += text.Len()
		if known, there := w.written[one[1]]; there && known == sum {
			continue
		}
		if err := replace(w.path(one[1]), text.Bytes()); err != nil {
			return written, size, err
		}
		w.written[one[1]] = sum
		written++
	}
	return written, size, nil
}

// replace writes a file beside its place, makes it durable and renames it.
func replace(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".peer-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.Write(text); err != nil {
		file.Close()
		return err
	}
	if err := file.Sync(); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
