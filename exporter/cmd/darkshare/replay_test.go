package main

import (
	"strings"
	"testing"
)

// TestReplayOfNothing: a log that cannot be read is an error, and no report.
func TestReplayOfNothing(t *testing.T) {
	out, errs, code := darkshare(t, "replay", "/nonexistent.log")
	if code != 1 || out != "" || !strings.Contains(errs, "/nonexistent.log") {
		t.Errorf("exit %d, printed %q, said %q", code, out, errs)
	}
}
