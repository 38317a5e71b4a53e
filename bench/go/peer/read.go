// One complete reading of the mesh with the SDK.

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/servicediscovery"
	"github.com/aws/aws-sdk-go-v2/service/servicediscovery/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	atATime      = 8
	maxInstances = 1000 // the most that one answer can hold; there are no pages
)

type reader struct {
	client     *servicediscovery.Client
	member     string
	own        string // the own service's name; known after the first pass, like the two below
	namespace  string
	httpName   string
	attributes bool
	calls      atomic.Int64
}

// reading is one service-colour: its instances and its service-level attributes.
type reading struct {
	name       string
	instances  []types.HttpInstanceSummary
	attributes map[string]string
}

func newReader(endpoint, bundle, member string, attributes bool) (*reader, error) {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = atATime
	})
	if bundle != "" {
		pem, err := os.ReadFile(bundle)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate", bundle)
		}
		client = client.WithTransportOptions(func(t *http.Transport) {
			t.TLSClientConfig = &tls.Config{RootCAs: pool}
		})
	}
	config := aws.Config{Region: os.Getenv("AWS_REGION"), HTTPClient: client,
		BaseEndpoint: aws.String(endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"),
			os.Getenv("AWS_SECRET_ACCESS_KEY"), "")}
	return &reader{member: member, attributes: attributes,
		client: servicediscovery.NewFromConfig(config, withoutHostPrefix)}, nil
}

// withoutHostPrefix keeps the SDK from putting `data-` in front of an address.
func withoutHostPrefix(options *servicediscovery.Options) {
	disable := middleware.InitializeMiddlewareFunc("WithoutHostPrefix",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
			middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
		})
	options.APIOptions = append(options.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(disable, middleware.Before)
	})
}

// identify asks once which service and which namespace this is.
func (r *reader) identify(ctx context.Context) error {
	if r.namespace != "" {
		return nil
	}
	r.calls.Add(2)
	own, err := r.client.GetService(ctx, &servicediscovery.GetServiceInput{Id: &r.member})
	if err != nil {
		return err
	}
	id := own.Service.NamespaceId
	found, err := r.client.GetNamespace(ctx, &servicediscovery.GetNamespaceInput{Id: id})
	if err != nil {
		return err
	}
	r.own = aws.ToString(own.Service.Name)
	r.httpName = aws.ToString(found.Namespace.Properties.HttpProperties.HttpName)
	r.namespace = aws.ToString(id)
	return nil
}

func (r *reader) list(ctx context.Context) ([]types.ServiceSummary, error) {
	pages := servicediscovery.NewListServicesPaginator(r.client,
		&servicediscovery.ListServicesInput{MaxResults: aws.Int32(100),
			Filters: []types.ServiceFilter{{Name: types.ServiceFilterNameNamespaceId,
				Values: []string{r.namespace}}}})
	var services []types.ServiceSummary
	for pages.HasMorePages() {
		r.calls.Add(1)
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		services = append(services, page.Services...)
	}
	return services, nil
}

func (r *reader) one(ctx context.Context, service types.ServiceSummary) (reading, error) {
	made := reading{name: aws.ToString(service.Name)}
	r.calls.Add(1)
	found, err := r.client.DiscoverInstances(ctx, &servicediscovery.DiscoverInstancesInput{
		NamespaceName: &r.httpName, ServiceName: service.Name,
		MaxResults: aws.Int32(maxInstances), HealthStatus: types.HealthStatusFilterAll})
	if err != nil {
		return made, err
	}
	made.instances = found.Instances
	if r.attributes {
		r.calls.Add(1)
		given, err := r.client.GetServiceAttributes(ctx,
			&servicediscovery.GetServiceAttributesInput{ServiceId: service.Id})
		if err != nil {
			return made, err
		}
		made.attributes = given.ServiceAttributes.Attributes
	}
	return made, nil
}

// read reads every service of the namespace.
func (r *reader) read(ctx context.Context) ([]reading, error) {
	if err := r.identify(ctx); err != nil {
		return nil, err
	}
	services, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	results, problems := make([]reading, len(services)), make([]error, atATime)
	var next atomic.Int64
	var done sync.WaitGroup
	for worker := range atATime {
		done.Add(1)
		go func() {
			defer done.Done()
			for problems[worker] == nil {
				position := int(next.Add(1)) - 1
				if position >= len(services) {
					return
				}
				results[position], problems[worker] = r.one(ctx, services[position])
			}
		}()
	}
	done.Wait()
	for _, problem := range problems {
		if problem != nil {
			return nil, problem
		}
	}
	return results, nil
}
