// Package plugintest starts the compiled plugin for tests.
package plugintest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

// Build builds the plugin into dir and returns the executable's path.
func Build(dir string) (string, error) {
	path := filepath.Join(dir, "gpx_darksocial")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/darkshare/darkshare/plugin/pkg").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
}

// A Plugin is a running one, started as Grafana starts it: by go-plugin's handshake, and
// spoken to by gRPC.
type Plugin struct {
	Client      *plugin.Client
	Data        grpcplugin.DataClient
	Resource    grpcplugin.ResourceClient
	Diagnostics grpcplugin.DiagnosticsClient
}

// Start starts an executable with these variables in its environment as well, and ends it
// with the test.
func Start(t testing.TB, executable string, env ...string) *Plugin {
	t.Helper()
	cmd := exec.Command(executable)
	if len(env) > 0 {
		cmd.Env = append(os.Environ(), env...)
	}
	p := &Plugin{Client: plugin.NewClient(&plugin.ClientConfig{
		Cmd: cmd,
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: grpcplugin.ProtocolVersion, MagicCookieKey: grpcplugin.MagicCookieKey, MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{grpcplugin.ProtocolVersion: {
			"diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{}, "resource": &grpcplugin.ResourceGRPCPlugin{}, "data": &grpcplugin.DataGRPCPlugin{},
		}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
	})}
	t.Cleanup(p.Client.Kill)
	rpc, err := p.Client.Client()
	if err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]func(any){
		"data":        func(c any) { p.Data = c.(grpcplugin.DataClient) },
		"resource":    func(c any) { p.Resource = c.(grpcplugin.ResourceClient) },
		"diagnostics": func(c any) { p.Diagnostics = c.(grpcplugin.DiagnosticsClient) },
	} {
		c, err := rpc.Dispense(name)
		if err != nil {
			t.Fatal(err)
		}
		to(c)
	}
	return p
}
