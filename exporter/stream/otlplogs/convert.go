package otlplogs

import (
	"errors"
	"math"
	"time"

	"github.com/darkshare/darkshare/exporter/stream/internal/jsonline"
	"github.com/darkshare/darkshare/exporter/stream/internal/wire"
)

// Field numbers and types are those of opentelemetry/proto/logs/v1/logs.proto and
// opentelemetry/proto/common/v1/common.proto.

var errMalformed = errors.New("the message is not an ExportLogsServiceRequest")

// maxDepth is how deeply maps in bodies may be nested.
const maxDepth = 8

// A converter makes lines of requests, one after the other.
type converter struct {
	// The lines of the last request: text, and where each of them ends.
	text []byte
	ends []int

	record jsonline.Record
	name   jsonline.Name
	body   []byte // of the record, where that is a text
}

// convert makes a line of every record of an ExportLogsServiceRequest. Where the
// message is malformed it makes none.
func (c *converter) convert(message []byte, now time.Time) error {
	c.text, c.ends = c.text[:0], c.ends[:0]
	if !c.request(message, now) {
		c.text, c.ends = c.text[:0], c.ends[:0]
		return errMalformed
	}
	return nil
}

// line returns the line of that number.
func (c *converter) line(n int) []byte {
	start := 0
	if n > 0 {
		start = c.ends[n-1]
	}
	return c.text[start:c.ends[n]]
}

func (c *converter) request(message []byte, now time.Time) bool {
	request := wire.Walk(message)
	for request.Next() {
		if request.Tag != 1<<3|wire.Bytes { // resource_logs
			continue
		}
		resource := wire.Walk(request.Bytes)
		for resource.Next() {
			if resource.Tag != 2<<3|wire.Bytes { // scope_logs
				continue
			}
			scope := wire.Walk(resource.Bytes)
			for scope.Next() {
				if scope.Tag == 2<<3|wire.Bytes && !c.logRecord(scope.Bytes, now) { // log_records
					return false
				}
			}
			if !scope.Whole() {
				return false
			}
		}
		if !resource.Whole() {
			return false
		}
	}
	return request.Whole()
}

// logRecord makes the line of a LogRecord: a JSON object of what its attributes and
// its body say, or the body itself, where that is a text and the attributes do not
// tell a request.
func (c *converter) logRecord(message []byte, now time.Time) bool {
	c.record.Reset()
	c.body = nil
	var stamp, observed uint64
	whole := true
	f := wire.Walk(message)
	for f.Next() {
		switch f.Tag {
		case 1<<3 | wire.Fixed64:
			stamp = f.Value
		case 11<<3 | wire.Fixed64:
			observed = f.Value
		case 5<<3 | wire.Bytes:
			whole = c.bodyValue(f.Bytes) && whole
		case 6<<3 | wire.Bytes:
			whole = c.keyValue(f.Bytes, 0) && whole
		}
	}
	if !f.Whole() || !whole {
		return false
	}
	r := &c.record
	if len(c.body) > 0 && !c.isRequest() {
		c.text = append(c.text, c.body...)
		c.ends = append(c.ends, len(c.text))
		return true
	}
	// What a sender says of its own accord is surer than a text that it was told to
	// send.
	switch {
	case 0 < stamp && stamp <= math.MaxInt64:
		r.SetInt(jsonline.Time, int64(stamp))
	case r.Has(jsonline.Time):
	case 0 < observed && observed <= math.MaxInt64:
		r.SetInt(jsonline.Time, int64(observed))
	default:
		r.SetInt(jsonline.Time, now.UnixNano())
	}
	c.text = r.Append(c.text)
	c.ends = append(c.ends, len(c.text))
	return true
}

// isRequest reports whether the attributes tell a request. One that was no HTTP has
// neither a method nor a path, but a client, and a status.
func (c *converter) isRequest() bool {
	r := &c.record
	return r.Has(jsonline.Request) ||
		r.Has(jsonline.Method) && r.Has(jsonline.Target, jsonline.Path, jsonline.URL) ||
		r.Has(jsonline.Status) && r.Has(jsonline.Client, jsonline.Peer)
}

// bodyValue reads the AnyValue that is a record's body.
func (c *converter) bodyValue(message []byte) bool {
	f := wire.Walk(message)
	whole := true
	for f.Next() {
		switch f.Tag {
		case 1<<3 | wire.Bytes, 7<<3 | wire.Bytes: // string_value, bytes_value
			c.body = f.Bytes
			for n := len(c.body); n > 0 && (c.body[n-1] == '\n' || c.body[n-1] == '\r'); n-- {
				c.body = c.body[:n-1]
			}
		case 6<<3 | wire.Bytes:
			whole = c.keyValues(f.Bytes, 0) && whole
		}
	}
	return whole && f.Whole()
}

// keyValues reads a KeyValueList.
func (c *converter) keyValues(message []byte, depth int) bool {
	f := wire.Walk(message)
	for f.Next() {
		if f.Tag == 1<<3|wire.Bytes && !c.keyValue(f.Bytes, depth) {
			return false
		}
	}
	return f.Whole()
}

// keyValue reads a KeyValue. Of a map within it the keys count as if they were
// not within it.
func (c *converter) keyValue(message []byte, depth int) bool {
	var key, value []byte
	f := wire.Walk(message)
	for f.Next() {
		switch f.Tag {
		case 1<<3 | wire.Bytes:
			key = f.Bytes
		case 2<<3 | wire.Bytes:
			value = f.Bytes
		}
	}
	field, known := attributes[string(c.name.Fold(key))]
	return f.Whole() && c.value(value, field, known, depth)
}

// value reads an AnyValue into the field, if that is a known one.
func (c *converter) value(message []byte, field jsonline.Field, known bool, depth int) bool {
	f := wire.Walk(message)
	whole := true
	for f.Next() {
		switch f.Tag {
		case 6<<3 | wire.Bytes:
			if depth < maxDepth {
				whole = c.keyValues(f.Bytes, depth+1) && whole
			}
			continue
		}
		if !known {
			continue
		}
		switch f.Tag {
		case 1<<3 | wire.Bytes, 7<<3 | wire.Bytes:
			c.record.Set(field, f.Bytes)
		case 3<<3 | wire.Varint:
			c.record.SetInt(field, int64(f.Value))
		case 4<<3 | wire.Fixed64:
			c.record.SetFloat(field, math.Float64frombits(f.Value))
		case 5<<3 | wire.Bytes: // array_value: headers are lists of values
			whole = c.first(f.Bytes, field, depth) && whole
		}
	}
	return whole && f.Whole()
}

// first reads the first value of an ArrayValue.
func (c *converter) first(message []byte, field jsonline.Field, depth int) bool {
	f := wire.Walk(message)
	done := false
	for f.Next() {
		if f.Tag == 1<<3|wire.Bytes && !done && depth < maxDepth {
			done = true
			if !c.value(f.Bytes, field, true, depth+1) {
				return false
			}
		}
	}
	return f.Whole()
}
