package jsonline

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
)

// parse reads a line as the pipeline would.
func parse(t testing.TB, line []byte) (r accesslog.Request) {
	t.Helper()
	f, err := accesslog.Compile(Format)
	if err != nil {
		t.Fatal(err)
	}
	if reason := f.NewParser().Parse(line, &r); reason != schema.ReasonNone {
		t.Fatalf("%s: %v", line, reason)
	}
	return r
}

// Every key is one that accesslog knows, for the part of a request that it is
// meant for, and of several that stand for one the first counts.
func TestKeys(t *testing.T) {
	get := func(name string) func(*accesslog.Request) string {
		return func(r *accesslog.Request) string {
			return string(reflect.ValueOf(r).Elem().FieldByName(name).Bytes())
		}
	}
	parts := []struct {
		of     string
		fields []Field
	}{
		{"ForwardedFor", []Field{ConnectingIP, TrueClientIP, RealIP, ForwardedFor}},
		{"Client", []Field{Client, Peer}},
		{"Method", []Field{Method}},
		{"Target", []Field{Target, Path, URL}},
		{"Host", []Field{Host, ServerName}},
		{"Referer", []Field{Referer}},
		{"UserAgent", []Field{UserAgent}},
		{"ContentType", []Field{ContentType}},
		{"SecFetchSite", []Field{SecFetchSite}},
		{"SecFetchMode", []Field{SecFetchMode}},
		{"SecFetchDest", []Field{SecFetchDest}},
		{"SecFetchUser", []Field{SecFetchUser}},
		{"Purpose", []Field{SecPurpose, Purpose, XPurpose, XMoz}},
		{"RequestedWith", []Field{RequestedWith}},
	}
	tested := map[Field]bool{Time: true, Status: true, Request: true, Query: true}
	for _, part := range parts {
		for first := range part.fields {
			var r Record
			r.SetInt(Time, 1763788567123456789)
			r.SetInt(Status, 200)
			for i, f := range part.fields[first:] {
				tested[f] = true
				r.Set(f, fmt.Append(nil, "value ", first+i))
			}
			got := parse(t, r.Append(nil))
			if v := get(part.of)(&got); v != fmt.Sprint("value ", first) {
				t.Errorf("%s from %v: %q", part.of, part.fields[first:], v)
			}
			if got.Time != 1763788567123456789 || got.Status != 200 {
				t.Errorf("time %d, status %d", got.Time, got.Status)
			}
		}
	}
	for f := range numFields {
		if !tested[f] {
			t.Errorf("%s is not tested", keys[f])
		}
	}
}

func TestTargets(t *testing.T) {
	for _, c := range []struct{ path, query, request, want string }{
		{"/a", "b=c", "", "/a?b=c"},
		{"/a", "?b=c", "", "/a?b=c"},
		{"/a?x=y", "b=c", "", "/a?x=y"},
		{"/a", "", "", "/a"},
		{"/a", "b=c", "GET /d?e HTTP/1.1", "/d?e"},
	} {
		var r Record
		r.SetInt(Time, 1e18)
		r.Set(Path, []byte(c.path))
		r.Set(Query, []byte(c.query))
		r.Set(Request, []byte(c.request))
		got := parse(t, r.Append(nil))
		if string(got.Target) != c.want {
			t.Errorf("%+v: %q", c, got.Target)
		}
	}
}

func TestNothing(t *testing.T) {
	f, err := accesslog.Compile(Format)
	if err != nil {
		t.Fatal(err)
	}
	var r Record
	r.SetInt(Time, 1e18)
	r.Set(Host, []byte("-"))
	r.Set(Referer, nil)
	for line, want := range map[string]schema.Reason{
		string(r.Append(nil)):           schema.ReasonNotAccess,
		string(new(Record).Append(nil)): schema.ReasonNotAccess,
		Malformed:                       schema.ReasonJSON,
	} {
		if got := f.NewParser().Parse([]byte(line), new(accesslog.Request)); got != want {
			t.Errorf("%s: %v, want %v", line, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	var n Name
	for name, want := range map[string]string{
		"Sec-Fetch-Site": "sec_fetch_site", "user_agent": "user_agent", ":authority": ":authority", "": "",
		strings.Repeat("x", 65): "",
	} {
		if got := string(n.Fold([]byte(name))); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// What is set comes out as it went in, whatever it is, in one line of JSON.
func FuzzAppend(f *testing.F) {
	f.Add([]byte("https://example.com/\"quoted\"\\"), []byte("Mozilla/5.0\r\n\x00\x1f\u2028\xff"), int64(-1), 0.5)
	f.Fuzz(func(t *testing.T, referer, agent []byte, status int64, when float64) {
		var r Record
		for range 2 { // the memory of the first time is used again
			r.Reset()
			r.SetInt(Status, status)
			r.SetFloat(Time, when)
			r.SetInt(Purpose, 42)
			r.Set(Referer, referer)
			r.Set(UserAgent, agent)
			line := r.Append([]byte("x"))[1:]
			var got map[string]string
			if err := json.Unmarshal(line, &got); err != nil || strings.ContainsAny(string(line), "\n\r") {
				t.Fatalf("%q: %v", line, err)
			}
			if got["status"] != fmt.Sprint(status) || got["purpose"] != "42" {
				t.Fatalf("%q", line)
			}
			clean := func(v []byte) string {
				if string(v) == "-" {
					return ""
				}
				return strings.ToValidUTF8(string(v), "\ufffd")
			}
			want := func(v []byte) string { // encoding/json replaces each byte that is no UTF-8
				var s string
				b, _ := json.Marshal(clean(v))
				_ = json.Unmarshal(b, &s)
				return s
			}
			norm := func(s string) string { return strings.ReplaceAll(s, "\ufffd", "") }
			if norm(got["referer"]) != norm(want(referer)) || norm(got["user_agent"]) != norm(want(agent)) {
				t.Fatalf("%q", line)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	var (
		r      Record
		line   []byte
		target = []byte("/blog/2026/11/a-page-that-is-shared?utm_source=whatsapp")
		host   = []byte("www.example.com")
		agent  = []byte("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1")
	)
	b.ReportAllocs()
	for b.Loop() {
		r.Reset()
		r.SetInt(Time, 1763788567123456789)
		r.SetInt(Status, 200)
		r.Set(Target, target)
		r.Set(Host, host)
		r.Set(UserAgent, agent)
		line = r.Append(line[:0])
	}
	b.SetBytes(int64(len(line)))
}
