package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/stream"
)

func replayCommand() *cobra.Command {
	var (
		source sourceFlags
		into   target
		output string
		top    int
	)
	cmd := &cobra.Command{
		Use:   "replay FILE...",
		Short: "Read whole logs and print what they say",
		Long: `Read whole logs (plain, gzip or zstd; "-" is standard input) and print the lines,
what they were, the visits by channel and source, the dark share and the top pages.
Files are read in the order of their first records, however they are named.

The dark share is three numbers: known (the visit itself showed who sent it),
estimate (and those without a referrer to pages that nobody types), and ceiling
(every visit that could be).`,
		Example: `  darkshare replay /var/log/nginx/access.log
  darkshare replay --site example.com access.log.2.gz access.log.1 access.log
  zcat old/*.gz | darkshare replay --format combined --output json -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("--output: %q is neither text nor json", output)
			}
			var engine *pipeline.Engine
			var err error
			if into.given() {
				engine, err = replayInto(cmd.Context(), &source, files, &into, cmd.ErrOrStderr())
			} else {
				engine, err = replay(cmd.Context(), &source, files, nil)
			}
			if engine == nil {
				return err
			}
			report := engine.Report()
			if err != nil && report.Lines == 0 {
				return err
			}
			if output == "json" {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				if jerr := enc.Encode(report); jerr != nil {
					return jerr
				}
				return err
			}
			if perr := printReport(cmd.OutOrStdout(), report, top); perr != nil {
				return perr
			}
			return err
		},
	}
	source.register(cmd)
	into.register(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "print the result as `text or json`")
	cmd.Flags().IntVar(&top, "top", 10, "print this many sources and pages")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// replay reads whole files through an engine, which it returns with what it has
// even where a file could not be read to its end. It reads them in the order of
// their time, unless an observer counts their lines.
func replay(ctx context.Context, f *sourceFlags, files []string, observer pipeline.Observer) (*pipeline.Engine, error) {
	c, err := f.load()
	if err != nil {
		return nil, err
	}
	in := f.input(c, "files")
	in.Files = files
	pin, err := pipelineInput(in)
	if err != nil {
		return nil, err
	}
	o := engineOptions(c, warnings())
	o.Observer = observer
	engine, err := pipeline.New(o)
	if err != nil {
		return nil, err
	}
	engine.AddInput(pin)
	if observer == nil {
		files = inOrder(ctx, files, pin.Format)
	}
	progress, finish := progressOn(os.Stderr)
	defer finish()
	source := stream.Files(files, stream.ReadOptions{
		Options:  stream.Options{MaxLine: c.Limits.LineBytes, Logger: o.Log},
		Progress: progress,
	})
	blocks := make(chan *stream.Block)
	failed := make(chan error, 1)
	go func() {
		defer close(blocks)
		failed <- source.Run(ctx, blocks)
	}()
	if err := engine.Run(ctx, blocks); err != nil {
		return nil, err
	}
	return engine, <-failed
}

// progressOn shows a progress bar where the file is a terminal.
func progressOn(f *os.File) (progress func(read, total int64), finish func()) {
	if !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	bar := progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(f),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetDescription("reading"),
	)
	return func(read, total int64) {
		if total > 0 && bar.GetMax64() != total {
			bar.ChangeMax64(total)
		}
		_ = bar.Set64(read)
	}, func() { _ = bar.Finish() }
}
