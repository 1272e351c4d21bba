// Package rules holds darkshare's rules, for Prometheus and for the embedded store.
package rules

import "embed"

// Recording is the name of the recording rules in Files.
const Recording = "recording.yaml"

// Files holds the rule files, as Prometheus and promtool read them.
//
//go:embed recording.yaml
var Files embed.FS
