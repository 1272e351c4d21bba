package envoyals

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	accesslogconfig "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	als "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/grpc/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/open_telemetry/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/darkshare/darkshare/exporter/stream/internal/jsonline"
)

// block returns a code block of Envoy's page, as JSON.
func block(t *testing.T, name string) []byte {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "proxies", "envoy.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```"+name+"\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatalf("envoy.md has no block %q", name)
	}
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read reads a block as Envoy would: by its published types, in which a name that
// they do not know is a mistake.
func read(t *testing.T, text []byte, m proto.Message) {
	t.Helper()
	if err := protojson.Unmarshal(text, m); err != nil {
		t.Errorf("%v: %s", err, text)
		return
	}
	if v, ok := m.(interface{ ValidateAll() error }); ok {
		if err := v.ValidateAll(); err != nil {
			t.Error(err)
		}
	}
}

// The documented configuration is one that Envoy takes, and asks for every header
// that counts.
func TestDocumented(t *testing.T) {
	for _, name := range []string{"envoy als", "envoy otlp", "envoy file"} {
		var logs struct {
			AccessLog []json.RawMessage `json:"access_log"`
		}
		if err := json.Unmarshal(block(t, name), &logs); err != nil || len(logs.AccessLog) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		var l accesslogconfig.AccessLog
		read(t, logs.AccessLog[0], &l)
		inner, err := l.GetTypedConfig().UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := inner.(interface{ ValidateAll() error }); !ok || v.ValidateAll() != nil {
			t.Errorf("%s: %v", name, v.ValidateAll())
		}
		if c, ok := inner.(*als.HttpGrpcAccessLogConfig); ok {
			// These an entry has by itself, or they are of other proxies.
			known := []string{"host", ":authority", "referer", "user_agent", "x_forwarded_for", "x_real_ip", "true_client_ip",
				"cf_connecting_ip", "x_purpose", "x_moz"}
			for _, h := range c.AdditionalRequestHeadersToLog {
				known = append(known, strings.ReplaceAll(h, "-", "_"))
			}
			for header := range jsonline.Headers {
				if !slices.Contains(known, header) {
					t.Errorf("%s is not asked for", header)
				}
			}
			if !slices.Contains(c.AdditionalResponseHeadersToLog, "content-type") {
				t.Error("content-type is not asked for")
			}
		}
	}
	read(t, block(t, "envoy als-cluster"), new(cluster.Cluster))
}
