package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/darkshare/darkshare/exporter/schema"
)

// These are set by the linker in a release: the version without its "v", the commit and
// when it was made, in RFC 3339. A program that was built by hand knows the last two
// from the Go command, where it was built in a repository.
var (
	version = "devel"
	commit  = ""
	date    = ""
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print which darkshare this is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "darkshare %s (revision %s of %s, %s %s/%s)\n",
				version, revision(), committed(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// revision returns the commit that the binary was built from.
func revision() string { return known(commit, "vcs.revision") }

// committed returns when that commit was made.
func committed() string { return known(date, "vcs.time") }

// known returns what the linker was given, or else the Go command's setting of that name.
func known(linked, setting string) string {
	if linked != "" {
		return linked
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == setting {
				return s.Value
			}
		}
	}
	return "unknown"
}

func buildInfo() schema.Family {
	f := schema.Family{Metric: schema.BuildInfo}
	f.Add(1, time.Time{}, version, revision(), runtime.Version())
	return f
}
