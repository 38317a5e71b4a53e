// The generated mesh and its answers, encoded before anyone asks.

package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"strconv"
	"sync"
	"sync/atomic"
)

const (
	account   = "123456789012"
	region    = "eu-central-1"
	meshName  = "bench.local"
	orders    = 4 // shuffles of each service's instances that are encoded beforehand
	pageLimit = 100
)

// size says how large a mesh is: services, colours of each, instances of each colour.
type size struct{ services, colors, instances int }

type instance struct {
	id         string
	attributes map[string]string
}

// discovered is the state of one service-colour and what it answers.
type discovered struct {
	mutex     sync.Mutex
	id, arn   string
	name      string
	instances []instance
	revision  int
	answers   atomic.Pointer[answers]
	untold    atomic.Bool // nobody has been answered what the last change made of it
}

// answers are the encoded forms of one service-colour; a change makes new ones.
type answers struct {
	service    []byte // GetService
	summary    []byte // its part of ListServices
	discover   [orders][]byte
	revision   []byte
	list       []byte
	attributes []byte
}

// mesh is one namespace with its services.
type mesh struct {
	size
	id, arn   string
	namespace []byte // its record
	services  []*discovered
	byID      map[string]*discovered
	byName    map[string]*discovered
	changes   atomic.Int64
	told      atomic.Int64 // when the last change was first answered: nanoseconds since 1970
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

// newID makes an id that looks like AWS's: a prefix and 16 letters and digits.
func newID(prefix string, source *rand.Rand) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	text := []byte(prefix)
	for len(text) < len(prefix)+16 {
		text = append(text, letters[source.Intn(len(letters))])
	}
	return string(text)
}

func arnOf(kind, id string) string {
	return fmt.Sprintf("arn:aws:servicediscovery:%s:%s:%s/%s", region, account, kind, id)
}

func colorName(number int) string {
	if number < 2 {
		return []string{"blue", "green"}[number]
	}
	return "color" + strconv.Itoa(number)
}

// address is the n-th of a block: 10.0.0.0/8 for what is there at first, 172.16.0.0/12 for what
// moved.
func address(first, second, n int) string {
	return fmt.Sprintf("%d.%d.%d.%d", first, second+n>>16, n>>8&255, n&255)
}

func newMesh(wanted size) *mesh {
	source := rand.New(rand.NewSource(1)) // the same mesh in each run
	id := newID("ns-", source)
	made := &mesh{size: wanted, id: id, arn: arnOf("namespace", id),
		byID: map[string]*discovered{}, byName: map[string]*discovered{}}
	made.namespace = encode(map[string]any{
		"Id": id, "Arn": made.arn, "Name": meshName, "Type": "HTTP", "ResourceOwner": account,
		"ServiceCount": wanted.services * wanted.colors,
		"Properties":   map[string]any{"HttpProperties": map[string]any{"HttpName": meshName}}})
	for number := 0; number < wanted.services; number++ {
		for color := 0; color < wanted.colors; color++ {
			made.add(newService(made, number, color, newID("srv-", source)))
		}
	}
	return made
}

func (m *mesh) add(one *discovered) {
	m.services = append(m.services, one)
	m.byID[one.id], m.byID[one.arn], m.byName[one.name] = one, one, one
}

func newService(m *mesh, number, color int, id string) *discovered {
	service := "svc" + strconv.Itoa(number)
	made := &discovered{id: id, arn: arnOf("service", id), revision: 1,
		name: service + "-" + colorName(color)}
	made.instances = append(made.instances, instance{"service-settings", map[string]string{
		"SERVICE": service, "COLOR": colorName(color), "/" + service: "50",
		"?/private" + strconv.Itoa(number): "50"}})
	first := (number*m.colors + color) * m.instances
	for n := 0; n < m.instances; n++ {
		made.instances = append(made.instances, instance{"i" + strconv.Itoa(n), map[string]string{
			"AWS_INSTANCE_IPV4": address(10, 0, first+n), "AWS_INSTANCE_PORT": "8080"}})
	}
	made.encode(m)
	return made
}

// encode makes all answers of a service-colour anew.
func (d *discovered) encode(m *mesh) {
	summary := map[string]any{"Id": d.id, "Arn": d.arn, "Name": d.name, "Type": "HTTP",
		"InstanceCount": len(d.instances)}
	made := &answers{summary: encode(summary)}
	summary["NamespaceId"] = m.id
	made.service = encode(map[string]any{"Service": summary})
	made.revision = encode(map[string]any{"InstancesRevision": d.revision})
	made.attributes = encode(map[string]any{"ServiceAttributes": map[string]any{
		"ServiceArn": d.arn, "ResourceOwner": account, "Attributes": map[string]string{}}})
	listed := []any{}
	for _, one := range d.instances {
		listed = append(listed, map[string]any{"Id": one.id, "Attributes": one.attributes})
	}
	made.list = encode(map[string]any{"Instances": listed})
	for order := range made.discover {
		made.discover[order] = d.discoverIn(rand.Perm(len(d.instances)))
	}
	d.answers.Store(made)
}

// discoverIn is the answer of DiscoverInstances with the named instances, in their order.
func (d *discovered) discoverIn(order []int) []byte {
	found := []any{}
	for _, position := range order {
		one := d.instances[position]
		found = append(found, map[string]any{"InstanceId": one.id, "NamespaceName": meshName,
			"ServiceName": d.name, "HealthStatus": "HEALTHY", "Attributes": one.attributes})
	}
	return encode(map[string]any{"Instances": found, "InstancesRevision": d.revision})
}

// change moves one instance to another address: another service-colour each time, and none of the
// first service, which is the one that the agent serves: its listener shows only the others.
func (m *mesh) change() map[string]string {
	number := int(m.changes.Add(1))
	shown := m.services
	if m.size.services > 1 {
		shown = shown[m.colors:]
	}
	one := shown[(number-1)%len(shown)]
	one.mutex.Lock()
	defer one.mutex.Unlock()
	moved := &one.instances[1+number%(len(one.instances)-1)]
	moved.attributes = map[string]string{
		"AWS_INSTANCE_IPV4": address(172, 16, number), "AWS_INSTANCE_PORT": "8080"}
	one.revision++
	m.told.Store(0)
	one.encode(m)
	one.untold.Store(true)
	return map[string]string{"service": one.name, "instance": moved.id,
		"address": moved.attributes["AWS_INSTANCE_IPV4"]}
}
