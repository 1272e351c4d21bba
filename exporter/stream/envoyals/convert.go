package envoyals

import (
	"bytes"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	data "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"

	"github.com/darkshare/darkshare/exporter/stream/internal/jsonline"
	"github.com/darkshare/darkshare/exporter/stream/internal/wire"
)

// Field numbers and types are those of envoy/service/accesslog/v3/als.proto,
// envoy/data/accesslog/v3/accesslog.proto and envoy/config/core/v3/address.proto.

// A converter makes lines of messages, one after the other.
type converter struct {
	// malformed is how many entries of the last message could not be taken apart.
	malformed int

	record jsonline.Record
	name   jsonline.Name
	line   []byte
}

// convert calls add with a line, which is valid during the call, for every entry of
// a StreamAccessLogsMessage. Every entry gives exactly one. One that is no finished
// HTTP request (of a TCP connection, of a request that goes on, or the upstream's
// half of one) gives a line that has nothing but its time, which is no access
// record. One that cannot be taken apart, and the rest of a message that cannot,
// gives a line that is no JSON.
//
// Where add fails, convert returns its error and how many entries are left, the
// failed one included.
func (c *converter) convert(message []byte, now time.Time, add func(line []byte) error) (left int, err error) {
	c.malformed = 0
	m := wire.Walk(message)
	for m.Next() {
		if m.Tag != 2<<3|wire.Bytes && m.Tag != 3<<3|wire.Bytes { // http_logs, tcp_logs
			continue
		}
		entries := wire.Walk(m.Bytes)
		for entries.Next() {
			if entries.Tag != 1<<3|wire.Bytes { // log_entry
				continue
			}
			if err == nil {
				c.entry(entries.Bytes, m.Tag == 2<<3|wire.Bytes, now)
				err = add(c.line)
			}
			if err != nil {
				left++
			}
		}
		if !entries.Whole() && err == nil {
			err = c.broken(add)
		}
	}
	if !m.Whole() && err == nil {
		err = c.broken(add)
	}
	return left, err
}

func (c *converter) broken(add func([]byte) error) error {
	c.malformed++
	c.line = append(c.line[:0], jsonline.Malformed...)
	return add(c.line)
}

// entry makes the line of an HTTPAccessLogEntry or a TCPAccessLogEntry, whose
// common properties have the same number.
func (c *converter) entry(entry []byte, http bool, now time.Time) {
	c.record.Reset()
	e := wire.Walk(entry)
	whole, finished := true, http
	for e.Next() {
		switch e.Tag {
		case 1<<3 | wire.Bytes:
			whole = c.common(e.Bytes, &finished) && whole
		case 3<<3 | wire.Bytes:
			if http {
				whole = c.request(e.Bytes) && whole
			}
		case 4<<3 | wire.Bytes:
			if http {
				whole = c.response(e.Bytes) && whole
			}
		}
	}
	if !e.Whole() || !whole {
		c.malformed++
		c.line = append(c.line[:0], jsonline.Malformed...)
		return
	}
	if !finished {
		c.record.Keep(jsonline.Time)
	}
	if !c.record.Has(jsonline.Time) {
		c.record.SetInt(jsonline.Time, now.UnixNano())
	}
	c.line = c.record.Append(c.line[:0])
}

// common reads AccessLogCommon. finished is cleared where the entry is not the one
// at the end of a request: Envoy can also log its start, in intervals, and each
// attempt upstream.
func (c *converter) common(message []byte, finished *bool) bool {
	f := wire.Walk(message)
	whole := true
	for f.Next() {
		switch f.Tag {
		case 2<<3 | wire.Bytes: // downstream_remote_address
			whole = c.address(f.Bytes) && whole
		case 5<<3 | wire.Bytes: // start_time
			whole = c.time(f.Bytes) && whole
		case 27<<3 | wire.Varint: // intermediate_log_entry
			*finished = *finished && f.Value == 0
		case 33<<3 | wire.Varint: // access_log_type
			t := data.AccessLogType(f.Value)
			*finished = *finished && (t == data.AccessLogType_NotSet || t == data.AccessLogType_DownstreamEnd)
		}
	}
	return whole && f.Whole()
}

// address reads an Address, of which only a SocketAddress
// stands for a client: a pipe has no name that does.
func (c *converter) address(message []byte) bool {
	f := wire.Walk(message)
	for f.Next() {
		if f.Tag != 1<<3|wire.Bytes {
			continue
		}
		s := wire.Walk(f.Bytes)
		for s.Next() {
			if s.Tag == 2<<3|wire.Bytes {
				c.record.Set(jsonline.Client, s.Bytes)
			}
		}
		if !s.Whole() {
			return false
		}
	}
	return f.Whole()
}

// time reads a Timestamp.
func (c *converter) time(message []byte) bool {
	var seconds, nanos int64
	f := wire.Walk(message)
	for f.Next() {
		switch f.Tag {
		case 1<<3 | wire.Varint:
			seconds = int64(f.Value)
		case 2<<3 | wire.Varint:
			nanos = int64(int32(f.Value))
		}
	}
	// What is not between 1970 and 2262 is no time of a request.
	if 0 < seconds && seconds < 1<<33 && 0 <= nanos && nanos < 1e9 {
		c.record.SetInt(jsonline.Time, seconds*1e9+nanos)
	}
	return f.Whole()
}

func (c *converter) request(message []byte) bool {
	f := wire.Walk(message)
	whole := true
	var path, original []byte
	for f.Next() {
		switch f.Tag {
		case 1<<3 | wire.Varint:
			c.record.Set(jsonline.Method, method(f.Value))
		case 3<<3 | wire.Bytes:
			c.record.Set(jsonline.Host, f.Bytes)
		case 5<<3 | wire.Bytes:
			path = f.Bytes
		case 6<<3 | wire.Bytes:
			c.record.Set(jsonline.UserAgent, f.Bytes)
		case 7<<3 | wire.Bytes:
			c.record.Set(jsonline.Referer, f.Bytes)
		case 8<<3 | wire.Bytes:
			c.record.Set(jsonline.ForwardedFor, f.Bytes)
		case 10<<3 | wire.Bytes: // before a route rewrote it
			original = f.Bytes
		case 13<<3 | wire.Bytes:
			name, value, ok := pair(f.Bytes)
			if field, known := jsonline.Headers[string(c.name.Fold(name))]; known {
				c.record.Set(field, value)
			}
			whole = ok && whole
		}
	}
	c.record.Set(jsonline.Target, path)
	c.record.Set(jsonline.Target, original)
	return whole && f.Whole()
}

func (c *converter) response(message []byte) bool {
	f := wire.Walk(message)
	whole := true
	for f.Next() {
		switch f.Tag {
		case 1<<3 | wire.Bytes: // response_code, a UInt32Value
			code := wire.Walk(f.Bytes)
			for code.Next() {
				if code.Tag == 1<<3|wire.Varint {
					c.record.SetInt(jsonline.Status, int64(uint32(code.Value)))
				}
			}
			whole = code.Whole() && whole
		case 4<<3 | wire.Bytes:
			name, value, ok := pair(f.Bytes)
			if bytes.EqualFold(name, contentType) {
				c.record.Set(jsonline.ContentType, value)
			}
			whole = ok && whole
		}
	}
	return whole && f.Whole()
}

var contentType = []byte("content-type")

// pair reads an entry of a map of strings.
func pair(message []byte) (key, value []byte, ok bool) {
	f := wire.Walk(message)
	for f.Next() {
		switch f.Tag {
		case 1<<3 | wire.Bytes:
			key = f.Bytes
		case 2<<3 | wire.Bytes:
			value = f.Bytes
		}
	}
	return key, value, f.Whole()
}

// methods are the names of the RequestMethods. Envoy has no name for others.
var methods = func() (m [16][]byte) {
	for number, name := range core.RequestMethod_name {
		if number > 0 && int(number) < len(m) {
			m[number] = []byte(name)
		}
	}
	return m
}()

func method(number uint64) []byte {
	if number < uint64(len(methods)) {
		return methods[number]
	}
	return nil
}
