package datasource

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/plugin/pkg/promapi"
)

const (
	// lookBack is for how long a site, or the exporter, may have been silent and is
	// still told of.
	lookBack = 30 * 24 * time.Hour
	// fresh is how old the newest line may be without a word about it.
	fresh = 15 * time.Minute
	// mostSites is how many sites are named.
	mostSites = 5
)

// A status is what the health check found.
type status struct {
	OK      bool   `json:"ok"`
	Message string `json:"message,omitempty"`
	// Server is the kind of server, Version its version.
	Server  string   `json:"server,omitempty"`
	Version string   `json:"version,omitempty"`
	Sites   []string `json:"sites,omitempty"`
	// Exporters are the versions of darkshare that run, or were the last to.
	Exporters []string `json:"exporters,omitempty"`
	// LastLine is the time of the newest access record.
	LastLine time.Time `json:"lastLine,omitzero"`
}

// CheckHealth implements backend.CheckHealthHandler.
func (d *dataSource) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	s := d.status(ctx)
	r := &backend.CheckHealthResult{Status: backend.HealthStatusOk, Message: s.Message}
	if !s.OK {
		r.Status = backend.HealthStatusError
	}
	// Grafana would show it twice.
	s.Message = ""
	// An error here is impossible, and would cost the details only.
	r.JSONDetails, _ = json.Marshal(s)
	return r, nil
}

// status finds out whether all is well, and what there is.
func (d *dataSource) status(ctx context.Context) (s status) {
	if d.broken != nil {
		return status{Message: d.broken.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	server, err := d.client.Server(ctx)
	if err != nil {
		return status{Message: err.Error()}
	}
	s.Server, s.Version = string(server.Kind), server.Version
	if s.Sites, err = d.sites(ctx); err != nil {
		s.Message = err.Error()
		return s
	}
	if len(s.Sites) == 0 {
		s.Message = promapi.NoDarkshare().Error()
		return s
	}
	if err := d.exporters(ctx, &s); err != nil {
		s.Message = err.Error()
		return s
	}
	s.OK, s.Message = true, s.summary(time.Now())
	return s
}

func (d *dataSource) sites(ctx context.Context) ([]string, error) {
	now := time.Now()
	return d.client.Values(ctx, schema.LabelSite, schema.Requests.Name, now.Add(-lookBack), now)
}

// exporters finds the versions of darkshare, and its newest line.
func (d *dataSource) exporters(ctx context.Context, s *status) error {
	now := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		// Not as a label's values, which servers tell of whole blocks: after an update the old version would be among them.
		m, err := d.client.Range(ctx, fmt.Sprintf("group by (%s) (last_over_time(%s[%s]))", schema.LabelVersion, schema.BuildInfo.Name, model.Duration(fresh)), now.Add(-lookBack), now, fresh)
		s.Exporters = newest(m, schema.LabelVersion)
		return err
	})
	group.Go(func() error {
		// At a coarse step, for what has been silent for days.
		step := lookBack / 720
		m, err := d.client.Range(ctx, fmt.Sprintf("max(last_over_time(%s[%s]))", schema.InputLastRecord.Name, model.Duration(step)), now.Add(-lookBack), now, step)
		if err != nil || len(m) == 0 || len(m[0].Values) == 0 {
			return err
		}
		last := m[0].Values[len(m[0].Values)-1].Value
		s.LastLine = time.Unix(int64(last), 0).UTC()
		return nil
	})
	return group.Wait()
}

// newest returns the values that a label has in the newest points of all.
func newest(m model.Matrix, label model.LabelName) (values []string) {
	var last model.Time
	for _, s := range m {
		if len(s.Values) > 0 {
			last = max(last, s.Values[len(s.Values)-1].Timestamp)
		}
	}
	for _, s := range m {
		if v := string(s.Metric[label]); v != "" && len(s.Values) > 0 && s.Values[len(s.Values)-1].Timestamp == last {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return values
}

// summary says it in a sentence or two.
func (s *status) summary(now time.Time) string {
	server := s.Server
	if s.Version != "" {
		server += " " + s.Version
	}
	sites := strings.Join(s.Sites[:min(len(s.Sites), mostSites)], ", ")
	if n := len(s.Sites) - mostSites; n > 0 {
		sites += fmt.Sprintf(" and %d more", n)
	}
	text := fmt.Sprintf("%s answers, with the visits of %s.", server, sites)
	switch len(s.Exporters) {
	case 0:
	case 1:
		text += fmt.Sprintf(" The exporter is darkshare %s.", s.Exporters[0])
	default:
		text += fmt.Sprintf(" There are exporters of %d versions: darkshare %s.", len(s.Exporters), strings.Join(s.Exporters, ", "))
	}
	if s.LastLine.IsZero() {
		return text
	}
	age := now.Sub(s.LastLine)
	text += fmt.Sprintf(" The newest log line is %s old.", ago(age))
	if age > fresh {
		text += " That is long: is the exporter running, does it read the right log, and is it scraped?"
	}
	return text
}

// ago writes an age in its largest unit.
func ago(d time.Duration) string {
	for _, u := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / u.length); n > 1 {
			return fmt.Sprintf("%d %ss", n, u.name)
		} else if n == 1 {
			return "1 " + u.name
		}
	}
	return fmt.Sprintf("%d seconds", max(0, int(d/time.Second)))
}
