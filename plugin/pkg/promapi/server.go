package promapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// askServer reads /api/v1/status/buildinfo. VictoriaMetrics answers with the version
// of the Prometheus that it stands for, and is known by a header
// (X-Server-Hostname, https://docs.victoriametrics.com/#security); Mimir has its name
// in the field application; the embedded store in that of the branch.
func (c *Client) askServer(ctx context.Context) (Server, error) {
	release, err := c.take(ctx)
	if err != nil {
		return Server{}, err
	}
	defer release()
	req, err := http.NewRequest(http.MethodGet, c.caller.URL("/api/v1/status/buildinfo", nil).String(), nil)
	if err != nil {
		return Server{}, explain(err)
	}
	resp, body, err := c.caller.Do(ctx, req)
	if err != nil {
		return Server{}, explain(err)
	}
	if err := fromStatus(resp.StatusCode, string(body)); err != nil {
		return Server{}, err
	}
	var answer struct {
		Data struct{ Application, Version, Revision, Branch string }
	}
	if json.Unmarshal(body, &answer) != nil {
		return Server{}, &Error{Kind: NotPrometheus, Message: "The server's answer is not what Prometheus answers: check the data source's URL."}
	}
	d := answer.Data
	switch {
	case d.Branch == "darkshare":
		return Server{Embedded, d.Revision}, nil
	case resp.Header.Get("X-Server-Hostname") != "":
		return Server{Kind: VictoriaMetrics}, nil
	case strings.Contains(d.Application, "Mimir"):
		return Server{Mimir, d.Version}, nil
	}
	return Server{Prometheus, d.Version}, nil
}
