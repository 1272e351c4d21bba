package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// quiet is for how long a failing push is not logged again.
const quiet = time.Minute

// A watched exporter counts its pushes and logs their errors, which the SDK would
// print to standard error, each.
type watched struct {
	sdkmetric.Exporter
	logger           *slog.Logger
	pushes, failures prometheus.Counter

	mu       sync.Mutex
	logged   time.Time // when an error was last logged
	unlogged int       // errors since
	told     bool      // that pushes fail, and not yet that they work again
}

func watch(e sdkmetric.Exporter, logger *slog.Logger, r prometheus.Registerer) (*watched, error) {
	w := &watched{
		Exporter: e,
		logger:   logger,
		pushes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "darkshare_otlp_pushes_total", Help: "Pushes by OTLP, failed ones too.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "darkshare_otlp_push_errors_total", Help: "Pushes by OTLP that failed or were accepted only in part.",
		}),
	}
	if r == nil {
		return w, nil
	}
	for _, c := range []prometheus.Collector{w.pushes, w.failures} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering the OTLP counters: %w", err)
		}
	}
	return w, nil
}

// Export implements metric.Exporter. It returns no error: there is nobody to take it.
func (w *watched) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	err := w.Exporter.Export(ctx, rm)
	if ctx.Err() == context.Canceled {
		return nil // the end interrupts a push, and pushes once more itself
	}
	w.pushes.Inc()
	if err != nil {
		w.failures.Inc()
	}
	w.log(err, time.Now())
	return nil
}

func (w *watched) log(err error, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		if w.told {
			w.logger.Info("OTLP push works again", "not_logged", w.unlogged)
			w.unlogged, w.told = 0, false
		}
	case now.Sub(w.logged) < quiet:
		w.unlogged++
	default:
		w.logger.Warn("OTLP push failed; will try again with newer values", "err", err, "not_logged", w.unlogged)
		w.logged, w.unlogged, w.told = now, 0, true
	}
}
