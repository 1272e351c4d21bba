package main

import (
	"net/http"

	"github.com/darkshare/darkshare/exporter/overview"
)

// landing returns the page at the root.
func (s *server) landing() http.Handler {
	o := overview.Options{Snapshot: s.snapshot, Version: version, Note: s.note, Logger: s.log}
	if store := s.store(); store != nil {
		o.Query, o.Range = store.Query, store.Range
	}
	return overview.New(o)
}
