// Package e2e holds darkshare against real proxies: its tests start each with the lines
// that docs/proxies says to put into its configuration, send requests through it, and
// read darkshare's counters.
package e2e
