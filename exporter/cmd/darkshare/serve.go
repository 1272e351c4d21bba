package main

import (
	"errors"
	"fmt"
	"path/filepath"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/spf13/cobra"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/stream/syslog"
	"github.com/darkshare/darkshare/exporter/web"
)

// defaultAddress is where /metrics is, unless --web.listen-address says otherwise.
const defaultAddress = ":9464"

type serveFlags struct {
	sourceFlags
	logs    []string
	syslog  string
	startAt string
	otlp    bool
	state   string
	store   string
	web     *toolkit.FlagConfig
}

func serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Follow access logs and expose their metrics",
		Long: `Follow access logs as they grow and rotate, and expose the dark share and what it
is made of at /metrics, for Prometheus.

The same metrics are pushed by OTLP when OTEL_METRICS_EXPORTER=otlp or an
OTEL_EXPORTER_OTLP_ENDPOINT is set, or with --otlp. SIGHUP and POST /-/reload read
the configuration again; SIGTERM counts what was read and ends.`,
		Example: `  darkshare serve --log /var/log/nginx/access.log --format combined --site example.com
  darkshare serve --syslog udp://127.0.0.1:5140 --format combined --site example.com
  darkshare serve --config darkshare.yaml --web.listen-address :9464`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := newServer(service{load: f.load, flags: f.web, otlp: f.otlp})
			if err != nil {
				return err
			}
			return s.run(cmd.Context())
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.logs, "log", "l", nil, "follow this `file`; a glob follows all that match, - is standard input; may be given several times")
	flags.StringVar(&f.syslog, "syslog", "", "listen for syslog at this `address`: udp://127.0.0.1:5140, tcp://…, unix:///path; more is in the configuration")
	flags.StringVar(&f.startAt, "start-at", "", "where to begin in files that are there already: `beginning or end` (default end)")
	flags.BoolVar(&f.otlp, "otlp", false, "push by OTLP even where no OTEL_* variable asks for it")
	flags.StringVar(&f.state, "state", "", "keep counts and positions in this `file`, so that a restart, or a kill, neither loses\nnor repeats a line; above state.file of the configuration")
	flags.StringVar(&f.store, "store", "", "keep months of history in this `directory`, with the state, and answer queries for it at /api/v1\n"+
		"as Prometheus does; above store.dir of the configuration")
	_ = cmd.MarkFlagFilename("state")
	_ = cmd.MarkFlagDirname("store")
	f.web = web.AddFlags(flags, defaultAddress)
	_ = cmd.RegisterFlagCompletionFunc("start-at", cobra.FixedCompletions([]string{"beginning", "end"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// load returns the configuration with the inputs of the command line.
func (f *serveFlags) load() (*config.Config, error) {
	c, err := f.sourceFlags.load()
	if err != nil {
		return nil, err
	}
	switch f.startAt {
	case "", "beginning", "end":
	default:
		return nil, fmt.Errorf("--start-at: %q is neither beginning nor end", f.startAt)
	}
	for i, in := range c.Inputs {
		c.Inputs[i] = f.over(c, in)
	}
	if len(f.logs) > 0 || f.syslog != "" {
		if len(c.Inputs) > 0 {
			flag := "--log"
			if len(f.logs) == 0 {
				flag = "--syslog"
			}
			return nil, fmt.Errorf("%s: the configuration has inputs, too: name them all there", flag)
		}
		if c.Inputs, err = f.inputs(c); err != nil {
			return nil, err
		}
	}
	if f.state != "" {
		c.State.File = f.state
	}
	if f.store != "" {
		c.Store.Dir = f.store
	}
	switch {
	case c.Store.Dir == "":
	case c.State.File != "":
		return nil, errors.New("the store keeps the state in its own directory: leave --state and state.file out")
	case c.Forward.Kafka != nil:
		return nil, errors.New("a darkshare that forwards counts no visits: give the store to the one that reads from Kafka")
	}
	if len(c.Inputs) == 0 {
		return nil, errors.New("no input: name a log with --log, an address with --syslog, or inputs in the configuration")
	}
	for i := range c.Inputs {
		if f.startAt != "" {
			c.Inputs[i].StartAt = f.startAt
		}
	}
	return c, nil
}

// inputs returns an input for each --log, where the same file twice would be counted
// twice, and for --syslog.
func (f *serveFlags) inputs(c *config.Config) (inputs []config.Input, err error) {
	named := map[string]bool{}
	for _, path := range f.logs {
		if _, err := filepath.Match(path, ""); err != nil {
			return nil, fmt.Errorf("--log %s: %w", path, err)
		}
		if file := filepath.Clean(path); named[file] {
			return nil, fmt.Errorf("--log %s: named twice", path)
		} else {
			named[file] = true
		}
		in := f.input(c, path)
		in.Files, in.Stdin = []string{path}, path == "-"
		inputs = append(inputs, in)
	}
	if f.syslog != "" {
		network, address, err := syslog.ParseAddress(f.syslog)
		switch {
		case err != nil:
			return nil, fmt.Errorf("--syslog: %w", err)
		case network == "tls":
			return nil, errors.New("--syslog: tls:// needs a certificate: name the input in the configuration")
		}
		in := f.input(c, network+"://"+address)
		in.Syslog = &config.Syslog{Listen: in.Name}
		inputs = append(inputs, in)
	}
	return inputs, nil
}
