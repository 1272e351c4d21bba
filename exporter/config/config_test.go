package config

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

func TestParseValues(t *testing.T) {
	c, err := Parse("test.yaml", []byte(`
inputs:
- files: [/var/log/nginx/access.log, "*.log"]
  format: combined
- {stdin: true, json: {client: a.b, request: line, query: q}, site: main}
sites:
- hosts: [EXAMPLE.com., bücher.example, "[2001:DB8::1]", 192.0.2.7]
  name: main
  entry_pages: [/sale]
- hosts: [other.example]
rules:
  agents: [{contains: Foo/, class: in_app, app: foo, channel: social}]
  hosts: [{host: t.example, channel: ai}]
visits: {window: 1h, confirmation: off}
limits:
log: {level: warn}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Inputs = []Input{
		{Name: "/var/log/nginx/access.log", Files: []string{"/var/log/nginx/access.log", "*.log"}, Format: "combined", StartAt: "end"},
		{Name: "stdin", Stdin: true, JSON: map[string]string{"client": "a.b", "request": "line", "query": "q"}, Site: "main", StartAt: "end"},
	}
	want.Sites = []Site{
		{Name: "main", Hosts: []string{"example.com", "xn--bcher-kva.example", "2001:db8::1", "192.0.2.7"}, SiteRules: SiteRules{EntryPages: []string{"/sale"}}},
		{Name: "other.example", Hosts: []string{"other.example"}},
	}
	want.Rules.Agents = []AgentRule{{Contains: "Foo/", Class: "in_app", App: "foo", Scope: schema.ScopeMixed, Channel: schema.ChannelSocial}}
	want.Rules.Hosts = []HostRule{{Host: "t.example", Channel: schema.ChannelAI, Source: schema.SourceOther}}
	want.Visits = Visits{Window: time.Hour, Confirmation: "off"}
	want.Log.Level = 4
	if !reflect.DeepEqual(*c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", *c, want)
	}
}

// Anchors, aliases and merge keys are YAML's own way not to repeat oneself.
func TestParseAliases(t *testing.T) {
	c, err := Parse("test.yaml", []byte(`
sites:
- &shop
  hosts: [a.example]
  exclude: &never [/healthz]
  goals: [{name: order, path: /thanks}]
- <<: *shop
  hosts: [b.example]
other_sites:
  exclude: *never
`))
	if err != nil {
		t.Fatal(err)
	}
	never, order := []string{"/healthz"}, []Goal{{"order", "/thanks"}}
	if want := (Site{"b.example", []string{"b.example"}, SiteRules{Exclude: never, Goals: order}}); !reflect.DeepEqual(c.Sites[1], want) {
		t.Errorf("merged site: got %+v, want %+v", c.Sites[1], want)
	}
	if !reflect.DeepEqual(c.OtherSites.Exclude, never) {
		t.Errorf("other_sites.exclude: got %v, want %v", c.OtherSites.Exclude, never)
	}
}

// What is left out of a source has its default, and names what has none.
func TestParseSources(t *testing.T) {
	c, err := Parse("test.yaml", []byte(`
inputs:
- syslog: {listen: "udp://:5140"}
- syslog: {listen: "tls://[::]:6514", tls: {cert_file: c, key_file: k}, max_connections: 7}
- envoy_als: {}
- otlp: {grpc: ":4317", http: ":4318"}
- otlp: {http: ":4319"}
- kafka: {brokers: ["a:1"], topic: access, tls: {}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Input{
		{Name: "udp://127.0.0.1:5140", Syslog: &Syslog{Listen: "udp://127.0.0.1:5140", MaxConnections: 256, MaxMessage: 65536}},
		{Name: "tls://[::]:6514", Syslog: &Syslog{Listen: "tls://[::]:6514", MaxConnections: 7, MaxMessage: 65536, TLS: &ServerTLS{CertFile: "c", KeyFile: "k"}}},
		{Name: "127.0.0.1:9001", EnvoyALS: &EnvoyALS{Listen: "127.0.0.1:9001"}},
		{Name: "127.0.0.1:4317", OTLP: &OTLPLogs{GRPC: "127.0.0.1:4317", HTTP: "127.0.0.1:4318"}},
		{Name: "127.0.0.1:4319", OTLP: &OTLPLogs{HTTP: "127.0.0.1:4319"}},
		{Name: "access", Kafka: &Kafka{Cluster: Cluster{Brokers: []string{"a:1"}, TLS: &ClientTLS{}}, Topic: "access", Group: "darkshare"}},
	}
	for i := range want {
		want[i].StartAt = "end"
		if !reflect.DeepEqual(c.Inputs[i], want[i]) {
			t.Errorf("input %d: got\n%+v\nwant\n%+v", i, c.Inputs[i], want[i])
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "darkshare.yaml")
	if err := os.WriteFile(path, []byte("inputs: [{files: [logs/*.log, /abs.log]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Inputs[0].Files, []string{filepath.Join(dir, "logs/*.log"), "/abs.log"}; !reflect.DeepEqual(got, want) {
		t.Errorf("files: got %q, want %q", got, want)
	}
	if err := os.WriteFile(path, []byte(`
inputs:
- syslog: {listen: "tls://:6514", tls: {cert_file: tls/cert.pem, key_file: /abs.pem}}
- kafka: {brokers: ["a:1"], topic: t, tls: {ca_file: ca.pem}, sasl: {mechanism: plain, username: u, password_file: p}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err = Load(path); err != nil {
		t.Fatal(err)
	}
	files := []string{c.Inputs[0].Syslog.TLS.CertFile, c.Inputs[0].Syslog.TLS.KeyFile, c.Inputs[0].Syslog.TLS.ClientCAFile, c.Inputs[1].Kafka.TLS.CAFile, c.Inputs[1].Kafka.SASL.PasswordFile}
	if want := []string{dir + "/tls/cert.pem", "/abs.pem", "", dir + "/ca.pem", dir + "/p"}; !reflect.DeepEqual(files, want) {
		t.Errorf("files of sources: got %q, want %q", files, want)
	}
	for _, path := range []string{filepath.Join(dir, "none.yaml"), dir} {
		if _, err := Load(path); err == nil {
			t.Errorf("Load(%q): no error", path)
		}
	}
}

func TestDefault(t *testing.T) {
	c := Default()
	if c.Limits.Visitors != 100_000 || c.Visits.Window != 30*time.Minute || c.Privacy.MaskToken != 20 || c.Log.Format != "logfmt" {
		t.Errorf("got %+v", c)
	}
	if parsed, err := Parse("", []byte("{}")); err != nil || !reflect.DeepEqual(*parsed, c) {
		t.Errorf("the configuration of an empty mapping: got %+v, %v, want the default", parsed, err)
	}
}
