package otlplogs

import (
	"testing"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"
)

// FuzzTranscode: whatever is sent as JSON gives a message that can be taken apart, or an
// error.
func FuzzTranscode(f *testing.F) {
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1763788567000000000","body":{"stringValue":"a"},"attributes":[{"key":"http.method","value":{"stringValue":"GET"}}]}]}]}]}`))
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"kvlistValue":{"values":[{"key":"status","value":{"intValue":"200"}}]}}}]}]}]}`))
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"5b8efff798038103d269b633813fc60c","body":{"arrayValue":{"values":[{"doubleValue":"NaN"}]}}}]}]}]}`))
	f.Add([]byte("{}"))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, message []byte) {
		binary, err := transcode(message)
		if err != nil {
			return
		}
		if err := proto.Unmarshal(binary, new(logs.ExportLogsServiceRequest)); err != nil {
			t.Errorf("%q gives %q: %v", message, binary, err)
		}
		var c converter
		if err := c.convert(binary, now); err != nil {
			t.Errorf("%q gives %q: %v", message, binary, err)
		}
	})
}
