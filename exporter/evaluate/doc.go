// Package evaluate holds darkshare against the truth: simulated sites whose
// visitors' senders are known. `go tool mage evaluate` prints its tables.
package evaluate
