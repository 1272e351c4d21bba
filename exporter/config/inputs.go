package config

import (
	"fmt"
	"strconv"
	"strings"
)

// paths returns every path that an input has, those left out as "".
func (in *Input) paths() (paths []*string) {
	for i := range in.Files {
		paths = append(paths, &in.Files[i])
	}
	server := func(t *ServerTLS) {
		if t != nil {
			paths = append(paths, &t.CertFile, &t.KeyFile, &t.ClientCAFile)
		}
	}
	if in.Syslog != nil {
		server(in.Syslog.TLS)
	}
	if in.EnvoyALS != nil {
		server(in.EnvoyALS.TLS)
	}
	if in.OTLP != nil {
		server(in.OTLP.TLS)
	}
	if k := in.Kafka; k != nil {
		paths = append(paths, k.paths()...)
	}
	return paths
}

// paths returns every path that the way to a cluster has.
func (c *Cluster) paths() (paths []*string) {
	if c.TLS != nil {
		paths = append(paths, &c.TLS.CAFile, &c.TLS.CertFile, &c.TLS.KeyFile)
	}
	if c.SASL != nil {
		paths = append(paths, &c.SASL.PasswordFile)
	}
	return paths
}

// sourceKeys are the keys of an input of which it has one.
var sourceKeys = []string{"files", "stdin", "syslog", "envoy_als", "otlp", "kafka"}

// checkSource checks that an input has one source, and that. It returns the path
// of what names the source, and the name: "" where it has none, or more. The
// functions of seen find what two inputs have.
func checkSource(d *decoder, at string, in *Input, seen map[string]func(path, value string)) (path, name string) {
	for j, f := range in.Files {
		seen["file"](fmt.Sprintf("%s.files[%d]", at, j), f)
	}
	var sources []string
	for _, key := range sourceKeys {
		switch path := at + "." + key; {
		case d.wrong[path]:
			return "", "" // what it was to be is not known
		case key == "files" && len(in.Files) == 0, key == "stdin" && !in.Stdin:
		case d.given(path):
			sources = append(sources, key)
		}
	}
	switch len(sources) {
	case 0:
		d.add(d.lines[at], at, `nothing to read: expected "files" with at least one, "stdin: true", or one of %s`, strings.Join(sourceKeys[2:], ", "))
		return "", ""
	case 1:
	default:
		d.add(d.lines[at], at, "%s: an input has one source, so make it as many inputs", all(sources))
		return "", ""
	}
	source := sources[0]
	if path := at + ".start_at"; d.ok(path) && source != "files" && source != "kafka" {
		d.add(d.lines[path], path, "is for files and kafka, got %s with %s: other streams are read from where they are", quote(in.StartAt), source)
	}
	if path := at + ".wrapping"; d.ok(path) && source != "files" {
		d.add(d.lines[path], path, "is for files, got %s with %s: only they are written by a container's runtime", quote(in.Wrapping), source)
	}
	path = at + "." + source
	switch source {
	case "files":
		return path + "[0]", in.Files[0]
	case "stdin":
		seen["standard input"](path, source)
		return path, source
	case "syslog":
		checkSyslogTLS(d, path, in.Syslog)
		return listens(seen, path+".listen", in.Syslog.Listen)
	case "envoy_als":
		if !d.given(path + ".listen") {
			return path, in.EnvoyALS.Listen
		}
		return listens(seen, path+".listen", in.EnvoyALS.Listen)
	case "otlp":
		return checkOTLP(d, path, in.OTLP, seen)
	default:
		checkClientTLS(d, path+".tls", in.Kafka.TLS)
		return path + ".topic", in.Kafka.Topic
	}
}

// all lists keys as a sentence does.
func all(keys []string) string {
	quoted := make([]string, len(keys))
	for i, k := range keys {
		quoted[i] = strconv.Quote(k)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " and " + quoted[last]
}

// listens notes an address, which only one input can listen on.
func listens(seen map[string]func(path, value string), path, address string) (string, string) {
	seen["address"](path, address)
	return path, address
}

func checkSyslogTLS(d *decoder, at string, s *Syslog) {
	if !d.ok(at + ".listen") {
		return
	}
	secure, path := strings.HasPrefix(s.Listen, "tls://"), at+".tls"
	switch {
	case secure && !d.given(path):
		d.add(d.lines[at+".listen"], at, `missing key "tls": tls:// needs a certificate`)
	case !secure && d.given(path):
		d.add(d.lines[path], path, "is for tls://, and listen is %s", d.shown(at+".listen", quote(s.Listen)))
	}
}

func checkOTLP(d *decoder, at string, o *OTLPLogs, seen map[string]func(path, value string)) (path, name string) {
	grpc, http := at+".grpc", at+".http"
	if d.given(http) {
		path, name = listens(seen, http, o.HTTP)
	}
	if d.given(grpc) {
		path, name = listens(seen, grpc, o.GRPC)
	}
	if path == "" {
		d.add(d.lines[at], at, `expected "grpc" or "http", or both, with an address, got neither`)
	}
	return path, name
}

func checkClientTLS(d *decoder, at string, t *ClientTLS) {
	if t == nil {
		return
	}
	for key, other := range map[string]string{"cert_file": "key_file", "key_file": "cert_file"} {
		if !d.given(at+"."+key) && d.given(at+"."+other) {
			d.add(d.lines[at], at, "missing key %q: %q goes with it", key, other)
		}
	}
}
