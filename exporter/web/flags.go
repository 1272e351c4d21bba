package web

import (
	"runtime"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/spf13/pflag"
)

// The flags have the names that they have in every Prometheus exporter.
const (
	flagListenAddress = "web.listen-address"
	flagConfigFile    = "web.config.file"
	flagSystemdSocket = "web.systemd-socket"
)

// AddFlags adds the flags of a Server to fs and returns what they will be set to:
// what exporter-toolkit's kingpinflag does, for pflag.
func AddFlags(fs *pflag.FlagSet, defaultAddress string) *toolkit.FlagConfig {
	flags := &toolkit.FlagConfig{
		WebListenAddresses: fs.StringArray(flagListenAddress, []string{defaultAddress},
			"address to serve metrics on, such as :9100 or [::1]:9100; may be repeated"),
		WebConfigFile: fs.String(flagConfigFile, "",
			"file that sets up TLS and authentication, see https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md"),
		WebSystemdSocket: new(bool),
	}
	if runtime.GOOS == "linux" {
		fs.BoolVar(flags.WebSystemdSocket, flagSystemdSocket, false,
			"serve on the sockets that systemd passes, instead of the addresses")
	}
	return flags
}
