// What each operation of Cloud Map answers to: shapes of API 2017-03-14.

package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"strconv"
	"time"
)

// input holds whatever the operations below may be given.
type input struct {
	ID            string `json:"Id"`
	ServiceID     string `json:"ServiceId"`
	NamespaceName string
	ServiceName   string
	MaxResults    int
	NextToken     string
	Filters       []struct {
		Name   string
		Values []string
	}
}

// problem is an error of the service: a status, a code and a message.
type problem struct {
	status        int
	code, message string
}

type operation func(m *mesh, given *input) ([]byte, *problem)

var operations = map[string]operation{
	"GetService":                getService,
	"GetNamespace":              getNamespace,
	"ListNamespaces":            listNamespaces,
	"ListServices":              listServices,
	"DiscoverInstances":         discoverInstances,
	"DiscoverInstancesRevision": discoverRevision,
	"ListInstances":             listInstances,
	"GetServiceAttributes":      getServiceAttributes,
}

func missing(code, name string) *problem {
	return &problem{404, code, fmt.Sprintf("%q was not found", name)}
}

func (m *mesh) service(name string) (*answers, *problem) {
	one := m.byID[name]
	if one == nil {
		return nil, missing("ServiceNotFound", name)
	}
	return one.answers.Load(), nil
}

func (m *mesh) named(given *input) (*discovered, *problem) {
	if given.NamespaceName != meshName {
		return nil, missing("NamespaceNotFound", given.NamespaceName)
	}
	one := m.byName[given.ServiceName]
	if one == nil {
		return nil, missing("ServiceNotFound", given.ServiceName)
	}
	return one, nil
}

func getService(m *mesh, given *input) ([]byte, *problem) {
	found, wrong := m.service(given.ID)
	if wrong != nil {
		return nil, wrong
	}
	return found.service, nil
}

func getNamespace(m *mesh, given *input) ([]byte, *problem) {
	if given.ID != m.id && given.ID != m.arn {
		return nil, missing("NamespaceNotFound", given.ID)
	}
	return bytes.Join([][]byte{[]byte(`{"Namespace":`), m.namespace, []byte("}")}, nil), nil
}

// fits says whether the filters of this name, if there are any, let one of the values through.
func (given *input) fits(name string, values ...string) bool {
	for _, filter := range given.Filters {
		found := filter.Name != name
		for _, wanted := range filter.Values {
			for _, value := range values {
				found = found || wanted == value
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func listNamespaces(m *mesh, given *input) ([]byte, *problem) {
	var found [][]byte
	if given.fits("NAME", meshName) && given.fits("HTTP_NAME", meshName) &&
		given.fits("TYPE", "HTTP") {
		found = [][]byte{m.namespace}
	}
	return page("Namespaces", found, given)
}

func listServices(m *mesh, given *input) ([]byte, *problem) {
	var found [][]byte
	if given.fits("NAMESPACE_ID", m.id, m.arn) {
		found = make([][]byte, len(m.services))
		for position, one := range m.services {
			found[position] = one.answers.Load().summary
		}
	}
	return page("Services", found, given)
}

// page is one page of encoded records; its token is the position of the next one.
func page(field string, records [][]byte, given *input) ([]byte, *problem) {
	start, most := 0, pageLimit
	if given.NextToken != "" {
		number, err := strconv.Atoi(given.NextToken)
		if err != nil || number < 0 || number > len(records) {
			return nil, &problem{400, "InvalidInput", "NextToken is none of ours"}
		}
		start = number
	}
	if given.MaxResults > 0 && given.MaxResults < most {
		most = given.MaxResults
	}
	end := start + most
	if end > len(records) {
		end = len(records)
	}
	text := []byte(`{"` + field + `":[`)
	text = append(text, bytes.Join(records[start:end], []byte(","))...)
	text = append(text, ']')
	if end < len(records) {
		text = fmt.Appendf(text, `,"NextToken":"%d"`, end)
	}
	return append(text, '}'), nil
}

func discoverInstances(m *mesh, given *input) ([]byte, *problem) {
	one, wrong := m.named(given)
	if wrong != nil {
		return nil, wrong
	}
	most := given.MaxResults
	if most == 0 {
		most = pageLimit
	}
	if most > 1000 {
		return nil, &problem{400, "InvalidInput", "MaxResults is at most 1000"}
	}
	if one.untold.CompareAndSwap(true, false) {
		m.told.Store(time.Now().UnixNano())
	}
	if most > m.instances {
		return one.answers.Load().discover[rand.Intn(orders)], nil
	}
	one.mutex.Lock()
	defer one.mutex.Unlock()
	return one.discoverIn(rand.Perm(len(one.instances))[:most]), nil
}

func discoverRevision(m *mesh, given *input) ([]byte, *problem) {
	one, wrong := m.named(given)
	if wrong != nil {
		return nil, wrong
	}
	return one.answers.Load().revision, nil
}

func listInstances(m *mesh, given *input) ([]byte, *problem) {
	found, wrong := m.service(given.ServiceID)
	if wrong != nil {
		return nil, wrong
	}
	return found.list, nil
}

func getServiceAttributes(m *mesh, given *input) ([]byte, *problem) {
	found, wrong := m.service(given.ServiceID)
	if wrong != nil {
		return nil, wrong
	}
	return found.attributes, nil
}
