package otlplogs

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/internal/streamtest"
)

// TestErrorsQuoteNothing: what is said of a message that cannot be read tells where it is
// wrong, and nothing of what is in it.
func TestErrorsQuoteNothing(t *testing.T) {
	const secret = "jane@example.org"
	for _, body := range []string{
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"` + secret + `"}]}]}]}`,
		`{"resourceLogs":` + secret + `}`,
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"intValue":"` + secret + `"}}]}]}]}`,
		"\"" + secret + "\n",
	} {
		var log streamtest.Log
		r, _ := receive(t, Options{Options: stream.Options{Logger: log.Logger()}})
		code, _, answer := post(t, r, []byte(body), "Content-Type", typeJSON)
		if code != http.StatusBadRequest || !bytes.Contains(answer, []byte("OTLP's JSON (line 1:")) {
			t.Errorf("%s: %d %s", body, code, answer)
		}
		if text := log.String() + string(answer); strings.Contains(text, "jane") || !strings.Contains(text, "(line 1:") {
			t.Errorf("%s: %s", body, text)
		}
	}
}
