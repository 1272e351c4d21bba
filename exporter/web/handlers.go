package web

import (
	"html"
	"io"
	"net/http"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// A Link is a line of the landing page. Its texts are plain text.
type Link struct{ Path, Text, Description string }

const description = "Works out who sent each visitor, from the access log, and counts what was shared in private."

// handler returns everything that the server serves.
func (s *Server) handler() (http.Handler, error) {
	landing := s.opts.Landing
	if landing == nil {
		links := make([]toolkit.LandingLinks, len(s.links))
		for i, l := range s.links {
			// The page's template does not escape.
			links[i] = toolkit.LandingLinks{
				Address: html.EscapeString(l.Path), Text: html.EscapeString(l.Text), Description: html.EscapeString(l.Description),
			}
		}
		page, err := toolkit.NewLandingPage(toolkit.LandingConfig{
			Name: "darkshare", Description: description, Version: html.EscapeString(s.opts.Version),
			HeaderColor: "#1f2937", Links: links, Profiling: "false",
		})
		if err != nil {
			return nil, err
		}
		landing = page
	}
	s.mux.Handle("GET /{$}", landing)
	// No page that an administrator happens to visit shall reload the configuration.
	return http.NewCrossOriginProtection().Handler(s.mux), nil
}

func (s *Server) healthy(w http.ResponseWriter, _ *http.Request) {
	say(w, http.StatusOK, "darkshare is healthy.")
}

func (s *Server) isReady(w http.ResponseWriter, _ *http.Request) {
	if s.ready.Load() {
		say(w, http.StatusOK, "darkshare is ready.")
	} else {
		say(w, http.StatusServiceUnavailable, "darkshare is not ready.")
	}
}

func (s *Server) reload(w http.ResponseWriter, _ *http.Request) {
	if err := s.opts.Reload(); err != nil {
		say(w, http.StatusInternalServerError, "The configuration was not reloaded: "+err.Error())
		return
	}
	say(w, http.StatusOK, "The configuration was reloaded.")
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
