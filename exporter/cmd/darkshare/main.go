// Command darkshare reads a reverse proxy's access log, works out who sent each
// visitor, and exports how much of the traffic was shared in private.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks to end; the second one ends the process, whatever it waits for.
	context.AfterFunc(ctx, stop)
	err := rootCommand().ExecuteContext(ctx)
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		os.Exit(130)
	default:
		fmt.Fprintf(os.Stderr, "darkshare: %v\n", err)
		os.Exit(1)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "darkshare",
		Short: "Measure how much of a site's traffic was shared in private",
		Long: `darkshare reads a reverse proxy's access log, works out who sent each visitor,
and says how much of the traffic was shared in private: the dark share.

  darkshare replay access.log                     what an existing log says
  darkshare serve --log access.log --site example.com
                                                  follow a log, expose /metrics
  darkshare explain access.log                    who sent each request, and why
  darkshare check --log access.log                what the log's format lacks`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serveCommand(), replayCommand(), explainCommand(), checkCommand(), demoCommand(),
		healthcheckCommand(), versionCommand(), manCommand())
	return root
}
