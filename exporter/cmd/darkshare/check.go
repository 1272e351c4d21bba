package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/schema"
)

func checkCommand() *cobra.Command {
	var (
		source sourceFlags
		logs   []string
	)
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Validate a configuration, and say what a log's format lacks",
		Long: `Validate a configuration, all mistakes at once, each with its line. Given a log,
say in words what is in it: the format, the fields that are missing and what that
costs, and the line to put into the proxy's configuration.`,
		Example: `  darkshare check --config darkshare.yaml
  darkshare check --log /var/log/nginx/access.log`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return check(cmd.Context(), cmd.OutOrStdout(), &source, logs)
		},
	}
	source.register(cmd)
	cmd.Flags().StringArrayVarP(&logs, "log", "l", nil, "look at this `file`; may be given several times")
	return cmd
}

func check(ctx context.Context, w io.Writer, f *sourceFlags, logs []string) error {
	if f.config == "" && len(logs) == 0 {
		return errors.New("nothing to check: name a configuration with --config, or a log with --log")
	}
	c, err := f.load()
	if err != nil {
		return err
	}
	if _, err := attribution.New(ruleOptions(c)); err != nil {
		return err
	}
	if f.config != "" {
		fmt.Fprintf(w, "%s: no mistakes; %d inputs, %d sites\n", f.config, len(c.Inputs), len(c.Sites))
	}
	var ins []config.Input
	for _, path := range logs {
		in := f.input(c, path)
		in.Files = []string{path}
		ins = append(ins, in)
	}
	if len(logs) == 0 {
		for _, in := range c.Inputs {
			ins = append(ins, f.over(c, in))
		}
	}
	var failed []error
	for _, in := range ins {
		if err := checkLog(ctx, w, c, in); err != nil {
			failed = append(failed, fmt.Errorf("input %s: %w", in.Name, err))
		}
	}
	return errors.Join(failed...)
}

// checkLog says what is in the first lines of a log.
func checkLog(ctx context.Context, w io.Writer, c *config.Config, in config.Input) error {
	sample, found, err := sampleOf(ctx, in.Files)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s\n", in.Name)
	pin, err := pipelineInput(in)
	if err != nil {
		return err
	}
	if len(sample) == 0 {
		missing := "no lines yet"
		if !found && len(in.Files) > 0 {
			missing = "no file yet"
		}
		if pin.Format == nil {
			fmt.Fprintf(w, "  %s, and no format is named: it will be told from the first lines\n", missing)
			return nil
		}
		fmt.Fprintf(w, "  lines     %s\n", missing)
	}
	lines := splitLines(sample)
	named := pin.Format != nil
	if !named {
		if pin.Format, err = accesslog.Detect(lines); err != nil {
			return err
		}
	}
	if named && pin.Format.Headed() {
		// What the log says of its own fields is above what the name says.
		if f, err := accesslog.Detect(lines); err == nil && f.Headed() {
			pin.Format = f
		}
	}
	how := "told from the lines"
	if named {
		how = "as configured"
	}
	fmt.Fprintf(w, "  format    %s (%s)\n", pin.Format.Name(), how)
	fmt.Fprintf(w, "  fields    %s\n", pin.Format.Fields())
	if err := checkSite(w, c, pin, lines); err != nil {
		return err
	}
	if len(lines) > 0 {
		records := 0
		parser := pin.Format.NewParser()
		var req accesslog.Request
		for _, line := range lines {
			if parser.Parse(line, &req) == schema.ReasonNone {
				records++
			}
		}
		fmt.Fprintf(w, "  lines     %d of the first %d are access records\n", records, len(lines))
		if records == 0 {
			return fmt.Errorf("none of the first %d lines has the format %s", len(lines), pin.Format.Name())
		}
	}
	printAdvice(w, pin.Format)
	return nil
}

// checkSite says which site a log without hosts belongs to.
func checkSite(w io.Writer, c *config.Config, pin pipeline.Input, lines [][]byte) error {
	switch {
	case pin.Format.Fields().Has(accesslog.FieldHost):
		fmt.Fprintln(w, "  site      by the host of each request")
	case pin.Site != "":
		fmt.Fprintf(w, "  site      %s\n", pin.Site)
	case len(c.Sites) == 1:
		fmt.Fprintf(w, "  site      %s\n", c.Sites[0].Name)
	default:
		name, ok := pipeline.InferSite(pin.Format, lines)
		if !ok {
			fmt.Fprintln(w, "  site      unknown: the format has no host and the lines do not tell; name it with --site")
			return nil
		}
		fmt.Fprintf(w, "  site      %s, told from the referrers of its assets; better name it with --site\n", name)
	}
	return nil
}

func printAdvice(w io.Writer, f *accesslog.Format) {
	advice := f.Advise()
	if len(advice) == 0 {
		fmt.Fprintln(w, "  missing   nothing")
		return
	}
	for i, a := range advice {
		head := "         "
		if i == 0 {
			head = "  missing"
		}
		fmt.Fprintf(w, "%s   no %s: %s; add %s\n", head, a.Field, a.Cost, a.Add)
	}
	if lines := f.Recommend(); len(lines) > 0 {
		fmt.Fprintln(w, "\n  With everything, the proxy's configuration says:")
		for _, line := range lines {
			fmt.Fprintf(w, "\n    %s\n", strings.ReplaceAll(line, "\n", "\n    "))
		}
	}
}
