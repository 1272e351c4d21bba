// Package rules holds darkshare's rules, for Prometheus and for the embedded store.
package rules

import "embed"

// The names of the recording rules in Files.
const (
	// Recording are hourly counts for dashboards.
	Recording = "recording.yaml"
	// Shift tells whether the dark share has shifted; it is made by package shift.
	Shift = "shift.yaml"
)

// Files holds the rule files, as Prometheus and promtool read them.
//
//go:embed recording.yaml shift.yaml
var Files embed.FS
