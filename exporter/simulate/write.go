package simulate

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// A Format is a log format that the simulator writes.
type Format uint8

// The formats.
const (
	// Combined is nginx's predefined format: the time is the response's end.
	Combined Format = iota
	// VhostCombined is Apache's format of that name in Debian, with Apache's
	// escapes. Its time is the request's start while its lines are in the order
	// of the responses' ends, as Apache has it: a slow page stands out of order.
	VhostCombined
	// NginxJSON is written by the log_format [NginxJSONFormat].
	NginxJSON
	// Caddy is the default JSON of Caddy 2.
	Caddy
)

var formatNames = [...]string{"combined", "vhost_combined", "nginx_json", "caddy"}

// String returns the format's name.
func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return "invalid"
}

// ParseFormat is the inverse of Format.String.
func ParseFormat(s string) (Format, error) {
	for i, n := range formatNames {
		if n == s {
			return Format(i), nil
		}
	}
	return 0, fmt.Errorf("simulate: unknown format %q: want one of %q", s, formatNames)
}

// Metadata reports whether the format logs the Sec-Fetch-* headers.
func (f Format) Metadata() bool { return f == NginxJSON || f == Caddy }

// NginxJSONFormat is the log_format behind [NginxJSON], to be declared with
// escape=json.
const NginxJSONFormat = `{"time":"$time_iso8601","remote_addr":"$remote_addr","host":"$host",` +
	`"request_method":"$request_method","request_uri":"$request_uri","server_protocol":"$server_protocol",` +
	`"status":$status,"body_bytes_sent":$body_bytes_sent,"request_time":$request_time,` +
	`"http_referer":"$http_referer","http_user_agent":"$http_user_agent",` +
	`"sent_http_content_type":"$sent_http_content_type",` +
	`"http_sec_fetch_site":"$http_sec_fetch_site","http_sec_fetch_mode":"$http_sec_fetch_mode",` +
	`"http_sec_fetch_dest":"$http_sec_fetch_dest","http_sec_fetch_user":"$http_sec_fetch_user",` +
	`"http_sec_purpose":"$http_sec_purpose","http_x_requested_with":"$http_x_requested_with"}`

// request is what one line says. An empty string is a header that was not sent.
type request struct {
	// took is the time from the request's start to its end, in nanoseconds.
	took    int64
	addr    string
	method  string
	path    string
	query   string // without its '?'
	proto   string
	status  int
	bytes   int
	referer string
	agent   string
	ctype   string
	// raw replaces the whole request line: bytes that are no HTTP at all.
	raw string

	fetchSite, fetchMode, fetchDest, fetchUser string
	purpose, requestedWith                     string
}

// flushSize is how much is gathered before it is written.
const flushSize = 64 << 10

// sink gathers the lines of all sites on their way to w. After an error it takes
// lines and drops them.
type sink struct {
	w   io.Writer
	buf []byte
	err error
}

func newSink(w io.Writer) *sink { return &sink{w: w, buf: make([]byte, 0, flushSize+8192)} }

func (s *sink) flush() {
	if s.err == nil && len(s.buf) > 0 {
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
}

// lineWriter turns the requests of one site into lines.
type lineWriter struct {
	*sink
	format Format
	host   string
	zone   *time.Location

	minute int64 // the local minute of stamp
	stamp  []byte

	lines, bytes int64
}

// write adds the line of a request whose response ended at now, in nanoseconds
// since the epoch.
func (l *lineWriter) write(now int64, r *request) {
	before := len(l.buf)
	switch l.format {
	case VhostCombined:
		l.combined(now-r.took, r, appendApache)
	case NginxJSON:
		l.nginxJSON(now, r)
	case Caddy:
		l.caddy(now, r)
	default:
		l.combined(now, r, appendNginx)
	}
	l.lines++
	l.bytes += int64(len(l.buf) - before)
	if len(l.buf) >= flushSize {
		l.flush()
	}
}

// layout is a layout of times and where the two digits of its seconds stand.
type layout struct {
	text    string
	seconds int
}

var (
	combinedTime = layout{"02/Jan/2006:15:04:05 -0700", 18}
	iso8601      = layout{"2006-01-02T15:04:05-07:00", 17}
)

// time appends now by that layout, which is formatted once a minute: a quiet
// site has a line a second, and each would pay for the whole date.
func (l *lineWriter) time(b []byte, now int64, by layout) []byte {
	second := now / int64(time.Second)
	minute, past := second/60, second%60
	if minute != l.minute || l.stamp == nil {
		l.minute = minute
		l.stamp = time.Unix(minute*60, 0).In(l.zone).AppendFormat(l.stamp[:0], by.text)
	}
	at := len(b) + by.seconds
	b = append(b, l.stamp...)
	b[at], b[at+1] = byte('0'+past/10), byte('0'+past%10)
	return b
}

func (l *lineWriter) combined(at int64, r *request, escape func([]byte, string) []byte) {
	b := l.buf
	if l.format == VhostCombined {
		b = append(b, l.host...)
		b = append(b, ":443 "...)
	}
	b = append(b, r.addr...)
	b = append(b, " - - ["...)
	b = l.time(b, at, combinedTime)
	b = append(b, `] "`...)
	if r.raw != "" {
		b = escape(b, r.raw)
	} else {
		b = append(b, r.method...)
		b = append(b, ' ')
		b = escape(b, r.path)
		if r.query != "" {
			b = append(b, '?')
			b = escape(b, r.query)
		}
		b = append(b, ' ')
		b = append(b, r.proto...)
	}
	b = append(b, `" `...)
	b = strconv.AppendInt(b, int64(r.status), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(r.bytes), 10)
	b = append(b, ` "`...)
	b = escape(b, orDash(r.referer))
	b = append(b, `" "`...)
	b = escape(b, orDash(r.agent))
	l.buf = append(b, "\"\n"...)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (l *lineWriter) nginxJSON(now int64, r *request) {
	b := append(l.buf, `{"time":"`...)
	b = l.time(b, now, iso8601)
	b = jsonField(b, `","remote_addr":"`, r.addr)
	b = jsonField(b, `","host":"`, l.host)
	b = jsonField(b, `","request_method":"`, r.method)
	b = jsonField(b, `","request_uri":"`, r.path)
	if r.query != "" {
		b = jsonField(b, "?", r.query)
	}
	b = jsonField(b, `","server_protocol":"`, r.proto)
	b = append(b, `","status":`...)
	b = strconv.AppendInt(b, int64(r.status), 10)
	b = append(b, `,"body_bytes_sent":`...)
	b = strconv.AppendInt(b, int64(r.bytes), 10)
	b = append(b, `,"request_time":`...)
	b = appendSeconds(b, r.took, 3)
	b = jsonField(b, `,"http_referer":"`, r.referer)
	b = jsonField(b, `","http_user_agent":"`, r.agent)
	b = jsonField(b, `","sent_http_content_type":"`, r.ctype)
	b = jsonField(b, `","http_sec_fetch_site":"`, r.fetchSite)
	b = jsonField(b, `","http_sec_fetch_mode":"`, r.fetchMode)
	b = jsonField(b, `","http_sec_fetch_dest":"`, r.fetchDest)
	b = jsonField(b, `","http_sec_fetch_user":"`, r.fetchUser)
	b = jsonField(b, `","http_sec_purpose":"`, r.purpose)
	b = jsonField(b, `","http_x_requested_with":"`, r.requestedWith)
	l.buf = append(b, "\"}\n"...)
}

func (l *lineWriter) caddy(now int64, r *request) {
	b := append(l.buf, `{"level":"info","ts":`...)
	b = appendSeconds(b, now, 7)
	b = jsonField(b, `,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"`, r.addr)
	b = jsonField(b, `","remote_port":"443","client_ip":"`, r.addr)
	b = jsonField(b, `","proto":"`, r.proto)
	b = jsonField(b, `","method":"`, r.method)
	b = jsonField(b, `","host":"`, l.host)
	b = jsonField(b, `","uri":"`, r.path)
	if r.query != "" {
		b = jsonField(b, "?", r.query)
	}
	b = append(b, `","headers":{"Accept-Encoding":["gzip, deflate, br"]`...)
	b = caddyHeader(b, `,"User-Agent":["`, r.agent)
	b = caddyHeader(b, `,"Referer":["`, r.referer)
	b = caddyHeader(b, `,"Sec-Fetch-Site":["`, r.fetchSite)
	b = caddyHeader(b, `,"Sec-Fetch-Mode":["`, r.fetchMode)
	b = caddyHeader(b, `,"Sec-Fetch-Dest":["`, r.fetchDest)
	b = caddyHeader(b, `,"Sec-Fetch-User":["`, r.fetchUser)
	b = caddyHeader(b, `,"Sec-Purpose":["`, r.purpose)
	b = caddyHeader(b, `,"X-Requested-With":["`, r.requestedWith)
	b = append(b, `},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2"}},"bytes_read":0,"user_id":"","duration":`...)
	b = appendSeconds(b, r.took, 9)
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, int64(r.bytes), 10)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(r.status), 10)
	b = append(b, `,"resp_headers":{"Server":["Caddy"]`...)
	b = caddyHeader(b, `,"Content-Type":["`, r.ctype)
	l.buf = append(b, "}}\n"...)
}

func jsonField(b []byte, name, value string) []byte {
	return appendJSON(append(b, name...), value)
}

func caddyHeader(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return append(jsonField(b, name, value), `"]`...)
}

// appendSeconds appends nanoseconds as seconds with that many digits.
func appendSeconds(b []byte, ns int64, digits int) []byte {
	b = strconv.AppendInt(b, ns/1e9, 10)
	b = append(b, '.')
	rest := ns % 1e9
	for range digits {
		rest *= 10
		b = append(b, byte('0'+rest/1e9))
		rest %= 1e9
	}
	return b
}

const (
	upperHex = "0123456789ABCDEF"
	lowerHex = "0123456789abcdef"
)

// plain reports whether s is printable ASCII without quotes and backslashes, as
// nearly all of a log is, and no escape changes it. It looks at eight bytes at a
// time: escaping one by one took half the time of a run.
func plain(s string) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; len(s) >= 8; s = s[8:] {
		v := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		// In each term the top bit of a byte is set where it is below a space, a
		// quote, a backslash, DEL. A borrow may set one more, above such a byte.
		odd := (v - ones*0x20) | ((v ^ ones*'"') - ones) | ((v ^ ones*'\\') - ones) | ((v ^ ones*0x7f) - ones) | v
		if odd&tops != 0 {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; c == '"' || c == '\\' || c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

// appendNginx escapes as nginx's escape=default does (ngx_http_log_escape).
func appendNginx(b []byte, s string) []byte {
	if plain(s) {
		return append(b, s...)
	}
	start := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '"' || c == '\\' || c < 0x20 || c >= 0x7f {
			b = append(b, s[start:i]...)
			b = append(b, '\\', 'x', upperHex[c>>4], upperHex[c&15])
			start = i + 1
		}
	}
	return append(b, s[start:]...)
}

// appendApache escapes as Apache does (ap_escape_logitem).
func appendApache(b []byte, s string) []byte {
	if plain(s) {
		return append(b, s...)
	}
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '"' && c != '\\' && c >= 0x20 && c < 0x7f {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\t':
			b = append(b, `\t`...)
		case '\r':
			b = append(b, `\r`...)
		default:
			b = append(b, '\\', 'x', lowerHex[c>>4], lowerHex[c&15])
		}
	}
	return append(b, s[start:]...)
}

// appendJSON escapes as nginx's escape=json does; the simulator's strings are
// valid UTF-8, for which Caddy does the same.
func appendJSON(b []byte, s string) []byte {
	if plain(s) {
		return append(b, s...)
	}
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '"' && c != '\\' && c >= 0x20 {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\t':
			b = append(b, `\t`...)
		case '\r':
			b = append(b, `\r`...)
		default:
			b = append(b, `\u00`...)
			b = append(b, upperHex[c>>4], upperHex[c&15])
		}
	}
	return append(b, s[start:]...)
}
