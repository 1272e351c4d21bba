package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// flushTimeout bounds the last push, so that a collector which is gone does not
// hold up the end of the process.
const flushTimeout = 5 * time.Second

// OTLPOptions are the options of PushOTLP; the zero value is good.
type OTLPOptions struct {
	// Force pushes even where the environment does not ask for it.
	Force bool
	// Version becomes the resource's service.version.
	Version string
	// Logger takes the errors of pushes, at most one a minute. Nil is slog.Default().
	Logger *slog.Logger
	// Registerer gets the counters of pushes and of failed pushes. Nil is none.
	Registerer prometheus.Registerer
}

// PushOTLP pushes the snapshot by OTLP, every OTEL_METRIC_EXPORT_INTERVAL, and once
// more at shutdown. It is configured by the environment as the specification has
// it (https://opentelemetry.io/docs/specs/otel/protocol/exporter/): endpoint,
// protocol (grpc or http/protobuf, the default), headers, certificates,
// compression, timeout, resource attributes.
//
// Unless forced, it does so only if OTEL_METRICS_EXPORTER is otlp, or is not set
// while an OTLP endpoint for metrics is; otherwise shutdown does nothing. An error
// is a mistake in the environment; that nobody listens at the endpoint is not, but
// is logged and counted.
//
// shutdown pushes a last time and stops. It returns when ctx ends, and after 5
// seconds at the latest. The context given to PushOTLP is for its start only.
func PushOTLP(ctx context.Context, snapshot Snapshot, o OTLPOptions) (shutdown func(context.Context) error, err error) {
	idle := func(context.Context) error { return nil }
	wanted, err := otlpWanted(o.Force)
	if err != nil || !wanted {
		return idle, err
	}
	exporter, err := newExporter(ctx)
	if err != nil {
		return idle, err
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	watched, err := watch(exporter, o.Logger, o.Registerer)
	if err != nil {
		return idle, errors.Join(err, exporter.Shutdown(ctx))
	}
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithResource(newResource(ctx, o)),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(watched,
			sdkmetric.WithProducer(&producer{snapshot: snapshot, version: o.Version, started: time.Now()}))),
	)
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, flushTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			// A collector that is gone is no fault of ours, and a service manager would
			// take an error for a crash.
			o.Logger.Warn("OTLP: the last push did not arrive", "err", err)
		}
		return nil
	}, nil
}

// otlpWanted reports whether the environment, or the caller, asks for pushes.
func otlpWanted(force bool) (bool, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	exporters := os.Getenv("OTEL_METRICS_EXPORTER")
	if exporters == "" {
		endpoint, _ := otlpEnv("ENDPOINT")
		return force || endpoint != "", nil
	}
	wanted := force
	for e := range strings.SplitSeq(exporters, ",") {
		switch strings.TrimSpace(e) {
		case "otlp":
			wanted = true
		case "none", "prometheus":
			// There is /metrics in any case.
		default:
			return false, fmt.Errorf("OTEL_METRICS_EXPORTER=%s: want otlp, prometheus or none", exporters)
		}
	}
	return wanted, nil
}

// otlpEnv returns the value and the name of the variable that sets an option of
// the OTLP exporter: the one for metrics, or else the one for all signals.
func otlpEnv(option string) (value, name string) {
	for _, prefix := range []string{"OTEL_EXPORTER_OTLP_METRICS_", "OTEL_EXPORTER_OTLP_"} {
		if v := strings.TrimSpace(os.Getenv(prefix + option)); v != "" {
			return v, prefix + option
		}
	}
	return "", ""
}

func newExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	// The SDK logs a bad endpoint and goes on with localhost.
	if endpoint, name := otlpEnv("ENDPOINT"); name != "" {
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%s=%s: want a URL such as http://localhost:4317", name, endpoint)
		}
	}
	switch protocol, name := otlpEnv("PROTOCOL"); protocol {
	case "grpc":
		return otlpmetricgrpc.New(ctx)
	case "", "http/protobuf":
		return otlpmetrichttp.New(ctx)
	default:
		return nil, fmt.Errorf("%s=%s: want grpc or http/protobuf", name, protocol)
	}
}

// newResource says who pushes. The environment overrides what is found out.
func newResource(ctx context.Context, o OTLPOptions) *resource.Resource {
	attrs := []attribute.KeyValue{
		attribute.String("service.name", "darkshare"),
		attribute.String("service.instance.id", instanceID()),
	}
	if o.Version != "" {
		attrs = append(attrs, attribute.String("service.version", o.Version))
	}
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithAttributes(attrs...),
		resource.WithFromEnv(),
	)
	if err != nil {
		// What could be read of it is there: no reason not to push.
		o.Logger.Warn("OTLP: the resource is not complete", "err", err)
	}
	return res
}

// instanceID is the same after a restart, so that the series go on, but differs
// between hosts, pods, and processes with different arguments on one host. The
// namespace is the one that the semantic conventions give for such ids
// (https://opentelemetry.io/docs/specs/semconv/registry/attributes/service/).
func instanceID() string {
	host, err := os.Hostname()
	if err != nil {
		return uuid.NewString()
	}
	namespace := uuid.MustParse("4d63009a-8d0f-11ee-aad7-4c796ed8e320")
	return uuid.NewSHA1(namespace, []byte(strings.Join(append([]string{host}, os.Args...), "\x00"))).String()
}
